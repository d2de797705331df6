package rtmp

import (
	"net"
	"strings"
	"sync"
	"time"

	"github.com/cuelight/cuelight/ingest"
)

// linkEvery is how often the system is asked about a connection at most.
const linkEvery = time.Second

// link is what is known of the way from one publisher. It is safe for
// concurrent use.
type link struct {
	tcp net.Conn

	mu    sync.Mutex // protects what follows
	last  ingest.Link
	asked time.Time
}

func newLink(tcp net.Conn, secured bool) *link {
	l := &link{tcp: tcp, last: ingest.Link{Loss: -1}}
	if secured {
		l.last.Encryption = "TLS"
	}
	return l
}

// name takes what the encoder calls itself.
func (l *link) name(encoder string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if encoder != "" {
		l.last.Encoder = encoder
	}
}

// state returns what is known.
func (l *link) state() ingest.Link {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.Sub(l.asked) >= linkEvery {
		l.asked = now
		if rtt, disordered, ok := tcpState(l.tcp); ok {
			l.last.RTT, l.last.Retransmitted = rtt, disordered
		}
	}
	return l.last
}

// encoderOf is what a connection's flashVer says about the encoder. Most give
// themselves out for Adobe's, which says nothing.
func encoderOf(flashVer string) string {
	if strings.HasPrefix(flashVer, "FMLE/") {
		return ""
	}
	return printable(flashVer)
}

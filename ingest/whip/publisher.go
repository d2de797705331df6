package whip

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"github.com/cuelight/cuelight/ingest"
)

const (
	// queued is how many packets may wait for the session: half a second of 25
	// Mbit/s. Behind them they wait in pion's buffers, and are then dropped.
	queued = 1024
	// beat is how often is looked for what is late.
	beat = 50 * time.Millisecond
)

// publisher is one admitted session. Goroutines that read packets, and pion's,
// only queue for it; session and intake belong to run.
type publisher struct {
	name     string // secret, of the resource
	token    [sha256.Size]byte
	server   *Server
	session  *ingest.Session
	pc       *webrtc.PeerConnection
	offer    *offer
	answer   string
	intake   *intake
	messages chan message
	arrived  chan remote   // tracks
	done     chan struct{} // closed when the session is to end
	ended    chan struct{} // closed when its channel is free

	mu        sync.Mutex // protects what follows
	stopped   bool       // done is closed
	connected bool
	cause     error // why it is to end, nil when the publisher left

	iceMu   sync.Mutex // protects what follows, and is held while ICE changes
	ufrag   string     // the publisher's
	etag    string     // of this pair of credentials
	patches patchRate
	offered int // candidates that came by PATCH
}

// run is the session's goroutine.
func (p *publisher) run(ctx context.Context) {
	unguard := p.session.Guard(ctx, p.stop)
	var readers sync.WaitGroup
	err := p.session.Protect(func() error { return p.take(&readers) })
	p.stop()
	p.server.forget(p)
	unguard()
	p.session.Close(err)
	close(p.ended)
	p.disconnect()
	readers.Wait()
}

// abandon ends a publisher that never ran.
func (p *publisher) abandon() {
	p.stop()
	p.session.Close(nil)
	close(p.ended)
	p.disconnect()
}

func (p *publisher) take(readers *sync.WaitGroup) error {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for {
		select {
		case <-p.done:
			return p.reason()
		case r := <-p.arrived:
			p.read(readers, r)
		case m := <-p.messages:
			p.session.Received(m.size)
			if err := p.intake.take(m); err != nil {
				return err
			}
		case now := <-ticker.C:
			if err := p.intake.tick(now); err != nil {
				return err
			}
		}
		p.ask(time.Now())
	}
}

// ask asks for key frames, of all layers at once: segments begin where all of
// them have one.
func (p *publisher) ask(now time.Time) {
	if !p.intake.keysDue(now) {
		return
	}
	var packets []rtcp.Packet
	for _, s := range p.intake.streams {
		if s.video && s.ssrc != 0 {
			packets = append(packets, &rtcp.PictureLossIndication{MediaSSRC: s.ssrc})
		}
	}
	_ = p.pc.WriteRTCP(packets) // asked again later in any case
}

// stop ends the session. It may be called more than once, from anywhere.
func (p *publisher) stop() { p.fail(nil) }

// fail ends the session for a reason; the first one stays.
func (p *publisher) fail(cause error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopped {
		p.stopped, p.cause = true, cause
		close(p.done)
	}
}

func (p *publisher) reason() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cause
}

// leave ends the session as its publisher asks, and waits until the channel is
// free.
func (p *publisher) leave(ctx context.Context) {
	p.stop()
	select {
	case <-p.ended:
	case <-ctx.Done():
	}
}

// disconnect closes the connection and waits for pion's goroutines.
func (p *publisher) disconnect() {
	if err := p.pc.GracefulClose(); err != nil {
		p.server.log.Debug("close", "err", err)
	}
}

// onState is called by pion, which must not be held up.
func (p *publisher) onState(state webrtc.PeerConnectionState) {
	p.mu.Lock()
	p.connected = p.connected || state == webrtc.PeerConnectionStateConnected
	was := p.connected
	p.mu.Unlock()
	switch {
	case state != webrtc.PeerConnectionStateFailed && state != webrtc.PeerConnectionStateClosed:
	case was:
		p.stop()
	default:
		p.fail(ingest.Errorf(ingest.CodeTimeout, "no packet of the encoder came through: open the server's UDP port in firewalls, and tell it its public address"))
	}
}

// knows reports whether a request for the session may be its publisher's. The
// resource's name is secret, so a request without a token may be.
func (p *publisher) knows(r *http.Request) bool {
	sum := tokenSum(r)
	return sum == [sha256.Size]byte{} || subtle.ConstantTimeCompare(sum[:], p.token[:]) == 1
}

package noise

import (
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
)

// Flood is such people. Set the fields, then call Run once; Stats may be called
// from anywhere.
type Flood struct {
	// Gateways and Studios are nodes that take viewers, and nodes that take what
	// producers want: http://HOST:PORT.
	Gateways, Studios []string
	// Channel is theirs and Cue a question that is on air there, for as long as
	// Run lasts. Token is their producer's.
	Channel, Cue, Token string
	// Other is the channel of another tenant, OtherCue a question there.
	Other, OtherCue string
	// Guests want a socket and answer again and again, as often as one viewer
	// may. Every second one names the channel only in its hello.
	Guests int
	// Spammers answer without a pause, Vandals send what is no message, Callers
	// answer over HTTP, Producers command and read without a pause, Burglars come
	// with Token to Other.
	Spammers, Vandals, Callers, Producers, Burglars int
	// Every is about the time between two things that one of them does, but for
	// producers, who make no pause. Default 1 ms.
	Every time.Duration
	// Source is the address they come from. Default: any.
	Source string

	counts counts
	dialer websocket.Dialer
	client http.Client
}

const (
	dialWait  = 5 * time.Second
	replyWait = 10 * time.Second
	// mayAnswer is how often one viewer may answer in the long run, after some at
	// once; stay is how many answers a guest gives.
	mayAnswer = 500 * time.Millisecond
	atOnce    = 6
	stay      = 10
	// comeBack is how often who was thrown out tries to come back.
	comeBack = 20
)

// Run lets all of them do what they do until ctx ends, and waits for them.
func (f *Flood) Run(ctx context.Context) {
	if f.Every <= 0 {
		f.Every = time.Millisecond
	}
	f.dialer = websocket.Dialer{
		NetDialContext: f.dial, HandshakeTimeout: dialWait, Subprotocols: []string{wire.Subprotocol},
		ReadBufferSize: 1024, WriteBufferSize: 1024, WriteBufferPool: new(sync.Pool),
	}
	f.client = http.Client{Timeout: replyWait, Transport: &http.Transport{DialContext: f.dial, MaxIdleConnsPerHost: 256}}
	defer f.client.CloseIdleConnections()
	var all sync.WaitGroup
	for _, group := range []struct {
		size  int
		every time.Duration
		does  func(ctx context.Context, who int)
	}{
		{f.Guests, f.Every, f.guest}, {f.Spammers, f.Every, f.spam}, {f.Vandals, f.Every, f.vandalise},
		{f.Callers, f.Every, f.call}, {f.Producers, time.Millisecond, f.produce}, {f.Burglars, f.Every, f.burgle},
	} {
		for i := range group.size {
			all.Go(func() {
				for pause(ctx, group.every/2+rand.N(group.every)) {
					group.does(ctx, i)
				}
			})
		}
	}
	all.Wait()
}

// dial connects from Source. Connections end without a farewell: of those that
// have one the kernel keeps the ports for a minute, and searches them for each
// new one.
func (f *Flood) dial(ctx context.Context, network, address string) (net.Conn, error) {
	from := net.Dialer{Timeout: dialWait}
	if ip := net.ParseIP(f.Source); ip != nil {
		from.LocalAddr = &net.TCPAddr{IP: ip}
	}
	conn, err := from.DialContext(ctx, network, address)
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	return conn, err
}

// Stats returns what has become of it all so far.
func (f *Flood) Stats() Stats { return f.counts.stats() }

// pause waits, or until ctx ends: it is false then.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

func one(of []string) string { return of[rand.IntN(len(of))] }

package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/codecs"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

const (
	connectTimeout = 5 * time.Second
	writeTimeout   = 5 * time.Second

	firstBackoff = 250 * time.Millisecond
	maxBackoff   = 5 * time.Second
	// A session that lasted this long was accepted: what ends it is news, and
	// the next attempt need not wait longer than the first did.
	steadyAfter = 5 * time.Second

	// maxLate is how far a broadcast may fall behind its own clock before it
	// drops frames, as an encoder does, instead of sending a burst.
	maxLate = time.Second
)

var errServerClosed = errors.New("server closed the connection")

// Broadcast plays the program's clip in a loop and in real time to an RTMP
// server, as an encoder would. It keeps time by the monotonic clock: frame n
// is sent at the start plus its DTS, so it does not drift, and after a lost
// connection it goes on where the show would be by then.
type Broadcast struct {
	// Addr is HOST:PORT of the RTMP server.
	Addr string
	// Channel and Key are what the server knows the publisher by.
	Channel, Key string
	// Log receives one line per connection. Nil discards.
	Log *slog.Logger
}

// Run broadcasts until ctx ends and then returns nil. While the server is away
// or refuses, it tries again, waiting up to 5 s between attempts.
//
// Errors: those of [Load].
func (b *Broadcast) Run(ctx context.Context) error {
	clip, err := Load()
	if err != nil {
		return fmt.Errorf("load clip: %w", err)
	}
	log := cmp.Or(b.Log, slog.New(slog.DiscardHandler)).With("channel", b.Channel, "proto", "rtmp")
	p := &playout{clip: clip, log: log}
	wait := firstBackoff
	for {
		began := time.Now()
		err := b.session(ctx, p)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) >= steadyAfter {
			wait = firstBackoff
		}
		log.Warn("demo broadcast interrupted", "err", err, "dur", wait)
		if !sleep(ctx, wait) {
			return nil
		}
		wait = min(2*wait, maxBackoff)
	}
}

// session is one connection, from dialling to its end.
func (b *Broadcast) session(ctx context.Context, p *playout) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	conn, err := b.dial(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	unhook := context.AfterFunc(ctx, conn.Close)
	defer unhook()

	drained := make(chan struct{})
	go func() {
		defer close(drained)
		cancel(drain(conn.NetConn()))
	}()
	out, err := newOutput(conn, p.clip.Tracks)
	if err == nil {
		p.log.Info("demo broadcast started", "remote", b.Addr)
		err = p.play(ctx, out)
	}
	conn.Close()
	<-drained
	return err
}

func (b *Broadcast) dial(ctx context.Context) (*gortmplib.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	c := &gortmplib.Client{
		// The library takes the stream key from the fragment.
		URL:     &url.URL{Scheme: "rtmp", Host: b.Addr, Path: "/live", Fragment: b.Channel + ":" + b.Key},
		Publish: true,
	}
	if err := c.Initialize(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// drain reads what the server says, so that its side never blocks, until it
// hangs up. It reads bytes and not messages because reading messages makes the
// library write acknowledgements, which would race with the frames.
func drain(conn net.Conn) error {
	if _, err := io.Copy(io.Discard, conn); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	return errServerClosed
}

// playout is the show's own position, which outlives connections. It belongs
// to the goroutine of Run.
type playout struct {
	clip  *Clip
	start time.Time // when frame 0 was due; zero before the first connection
	log   *slog.Logger
}

// play sends every frame when it is due, beginning with the next key frame,
// until ctx ends or a write fails.
func (p *playout) play(ctx context.Context, write func(media.Frame) error) error {
	if p.start.IsZero() {
		p.start = time.Now()
	}
	for n := p.join(); ; n++ {
		f := p.clip.Frame(n)
		late := time.Since(p.start) - f.DTS.Duration()
		if late > maxLate {
			n = p.join()
			f = p.clip.Frame(n)
			p.log.Warn("demo broadcast fell behind, frames dropped", "dur", late)
			late = time.Since(p.start) - f.DTS.Duration()
		}
		if !sleep(ctx, -late) {
			return context.Cause(ctx)
		}
		if err := write(f); err != nil {
			return fmt.Errorf("write frame at %v: %w", f.DTS.Duration(), err)
		}
	}
}

// join returns the number of the next key frame.
func (p *playout) join() int64 {
	return p.clip.KeyFrom(clock.TicksOf(time.Since(p.start)))
}

// newOutput announces the tracks and returns the function that sends a frame.
func newOutput(conn *gortmplib.Client, tracks []media.Track) (func(media.Frame) error, error) {
	w := &gortmplib.Writer{Conn: conn}
	for _, t := range tracks {
		w.Tracks = append(w.Tracks, &gortmplib.Track{Codec: rtmpCodec(t.Codec)})
	}
	if err := conn.NetConn().SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return nil, err
	}
	if err := w.Initialize(); err != nil {
		return nil, fmt.Errorf("announce tracks: %w", err)
	}
	return func(f media.Frame) error {
		if err := conn.NetConn().SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return err
		}
		track := w.Tracks[f.Track]
		if tracks[f.Track].Codec.Kind() == media.Video {
			return w.WriteH264(track, f.PTS.Duration(), f.DTS.Duration(), f.Units)
		}
		return w.WriteMPEG4Audio(track, f.PTS.Duration(), f.Units[0])
	}, nil
}

func rtmpCodec(c media.Codec) codecs.Codec {
	switch c := c.(type) {
	case *media.H264:
		return &codecs.H264{SPS: c.SPS, PPS: c.PPS}
	case *media.AAC:
		return &codecs.MPEG4Audio{Config: &c.Config}
	default:
		panic(fmt.Sprintf("clip with unexpected codec %T", c))
	}
}

// sleep waits for d and says whether it did so without ctx ending.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

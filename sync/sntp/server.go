package sntp

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// maxStrays is how many packets that answer nothing are read before a server is
// given up on for this time.
const maxStrays = 16

// server is one time server, asked by one goroutine at a time.
type server struct {
	name, address string

	refused error // it does not want to be asked any more
	pause   int   // checks to leave out, doubled by each RATE
	left    int   // of pause
}

// sample is one answer, held against R.
type sample struct {
	taken time.Time
	// off is R − UTC by this answer, bound by how much that may be wrong.
	off, bound time.Duration
	stratum    int
}

// sample asks as often as a check does and returns the least delayed answer.
func (s *server) sample(ctx context.Context, cfg Config) (sample, error) {
	if s.refused != nil {
		return sample{}, s.refused
	}
	if s.left > 0 {
		s.left--
		return sample{}, &KissError{Code: "RATE"}
	}
	var best sample
	var failure error
	got := false
	for i := range cfg.Samples {
		if i > 0 && !rest(ctx, cfg.Gap) {
			return sample{}, ctx.Err()
		}
		next, err := s.ask(ctx, cfg)
		if kiss, ok := errors.AsType[*KissError](err); ok {
			s.kiss(kiss)
			return sample{}, err
		}
		if err != nil {
			failure = err
			continue
		}
		if !got || next.bound < best.bound {
			best, got = next, true
		}
	}
	if !got {
		return sample{}, failure
	}
	s.pause = 0
	return best, nil
}

// kiss does as the server wishes (CL12).
func (s *server) kiss(err *KissError) {
	switch err.Code {
	case "DENY", "RSTR":
		s.refused = err
	case "RATE":
		s.pause = min(max(1, 2*s.pause), 64)
		s.left = s.pause
	}
}

// rest waits for d and says whether ctx is still there.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// ask is one question and its answer.
func (s *server) ask(ctx context.Context, cfg Config) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.Wait)
	defer cancel()
	conn, err := cfg.Dial(ctx, s.address)
	if err != nil {
		return sample{}, fmt.Errorf("reach time server: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()

	var random [8]byte
	rand.Read(random[:])
	nonce := binary.BigEndian.Uint64(random[:]) | 1 // 0 would mean none
	sent := time.Now()
	if _, err := conn.Write(AppendRequest(nil, nonce)); err != nil {
		return sample{}, fmt.Errorf("ask time server: %w", err)
	}
	stray := error(nil)
	buf := make([]byte, 1024)
	for range maxStrays {
		n, err := conn.Read(buf)
		returned := time.Now()
		if err != nil {
			return sample{}, fmt.Errorf("wait for time server: %w", errors.Join(cause(ctx, err), stray))
		}
		r, err := ParseReply(buf[:n])
		if err == nil {
			err = r.Check(nonce)
		}
		if errors.Is(err, ErrNotOurs) || errors.Is(err, ErrNotReply) {
			stray = err // anybody may have sent it: the answer may still come
			continue
		}
		if err != nil {
			return sample{}, err
		}
		return measure(cfg.Room, r, sent, returned)
	}
	return sample{}, stray
}

// cause is why a read ended: because of the time it took, if it was that.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("no answer: %w", ctx.Err())
	}
	return err
}

// measure holds a reply against R.
func measure(room *clock.Room, r Reply, sent, returned time.Time) (sample, error) {
	took := returned.Sub(sent)
	inside := r.Transmit.Sub(r.Receive)
	rtt := took - inside
	if rtt < -r.Precision-time.Millisecond {
		return sample{}, fmt.Errorf("%w: it took longer than the whole exchange", ErrTimestamps)
	}
	middle := room.At(sent.Add(took / 2)).Time()
	theirs := r.Receive.Near(middle).Add(inside / 2)
	return sample{
		taken: returned,
		off:   middle.Sub(theirs), bound: max(0, rtt)/2 + r.Distance(),
		stratum: r.Stratum,
	}, nil
}

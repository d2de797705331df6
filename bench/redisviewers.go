package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cuelight/cuelight/interact/gateway/gatewaytest"
	"github.com/cuelight/cuelight/interact/wire"
)

// The opcodes of frames that viewers in memory use. Spec: RFC 6455 §5.2.
const (
	opText, opBinary, opPing, opPong = 1, 2, 9, 10
)

// redisAhead is how many answers may be without receipt: fewer than replicas take
// in.
const redisAhead = 32_000

// tellers is what all viewers were told together.
type tellers struct {
	joined, received atomic.Int64
	target           atomic.Int64
	reached          atomic.Pointer[chan struct{}]
	odd              atomic.Pointer[string]
}

// feeder is one viewer in memory.
type feeder struct {
	conn   *gatewaytest.Conn
	crowd  *tellers
	frames [][]byte // to send, one for each cue
	part   []byte   // of a frame whose end has not come
	told   []byte   // receipts, one after the other; belongs to who writes to it
	ends   []int    // of each in told
}

var feedCodec = wire.Msgpack

func feedFrame(message []byte) []byte {
	return gatewaytest.AppendFrame(nil, opBinary, 0x9e3779b9, message)
}

// seat joins one viewer.
func (s *venue) seat(ctx context.Context, n *venueNode) error {
	conn, err := gatewaytest.Dial(ctx, n.gateway, feedCodec.Subprotocol())
	if err != nil {
		return err
	}
	v := &feeder{conn: conn, crowd: &s.crowd}
	s.viewers = append(s.viewers, v)
	conn.Tap(v.hear)
	hello, err := feedCodec.Encode(&wire.Hello{Version: wire.Version, Channel: channel})
	if err != nil {
		return err
	}
	_, err = conn.Write(feedFrame(hello))
	return err
}

// hear takes what the gateway writes.
func (v *feeder) hear(b []byte) {
	if len(v.part) > 0 {
		v.part = append(v.part, b...)
		b = v.part
	}
	for {
		opcode, payload, rest, ok := gatewaytest.CutFrame(b)
		if !ok {
			break
		}
		v.take(opcode, payload)
		b = rest
	}
	v.part = append(v.part[:0], b...)
}

func (v *feeder) take(opcode byte, payload []byte) {
	if opcode == opPing {
		v.conn.TryWrite(gatewaytest.AppendFrame(nil, opPong, 1, payload))
		return
	}
	if opcode != opBinary && opcode != opText {
		return
	}
	switch feedKind(payload) {
	case "receipt":
		v.told = append(v.told, payload...)
		v.ends = append(v.ends, len(v.told))
		if v.crowd.received.Add(1) == v.crowd.target.Load() {
			v.crowd.wake()
		}
	case "welcome":
		v.crowd.joined.Add(1)
	case "refused", "bye":
		text := string(payload)
		v.crowd.odd.CompareAndSwap(nil, &text)
		v.crowd.wake()
	}
}

// feedKind returns the type of a message in MessagePack: a map whose first member
// is the text t with a short text.
func feedKind(payload []byte) string {
	const fixMap, map16 = 4, 6
	start := fixMap
	if payload[0] == 0xde { // more than 15 members
		start = map16
	}
	return string(payload[start : start+int(payload[start-1]&0x1f)])
}

func (t *tellers) wake() {
	if reached := t.reached.Load(); reached != nil {
		select {
		case *reached <- struct{}{}:
		default:
		}
	}
}

// await waits for n receipts.
func (t *tellers) await(ctx context.Context, n int) error {
	if t.reached.Load() == nil {
		reached := make(chan struct{}, 1)
		t.reached.Store(&reached)
	}
	t.target.Store(int64(n))
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	for t.received.Load() < int64(n) {
		select {
		case <-*t.reached.Load():
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-limit.C:
			return fmt.Errorf("%d of %d receipts came within a minute", t.received.Load(), n)
		}
		if odd := t.odd.Load(); odd != nil {
			return fmt.Errorf("a viewer heard %q", *odd)
		}
	}
	return nil
}

// welcomed waits until n viewers are.
func (t *tellers) welcomed(ctx context.Context, n int) error {
	const look = 10 * time.Millisecond
	for range int(time.Minute / look) {
		if odd := t.odd.Load(); odd != nil {
			return fmt.Errorf("a viewer heard %q", *odd)
		}
		if t.joined.Load() >= int64(n) {
			return nil
		}
		if err := pause(ctx, look); err != nil {
			return err
		}
	}
	return errors.New("not all viewers were welcomed within a minute")
}

// load frames an answer of every viewer to every cue.
func (s *venue) load(cues []wire.Cue) error {
	s.crowd.received.Store(0)
	for i, v := range s.viewers {
		v.frames, v.told, v.ends = v.frames[:0], v.told[:0], v.ends[:0]
		for k, c := range cues {
			message, err := feedCodec.Encode(&wire.Answer{
				ID: answerName(i, k), Cue: c.ID, Rev: c.Rev, Choice: []int{i & 1}, At: s.clock.At(time.Now()), Dispersion: 1000,
			})
			if err != nil {
				return err
			}
			v.frames = append(v.frames, feedFrame(message))
		}
	}
	return nil
}

func answerName(viewer, slot int) string { return fmt.Sprintf("a%06d%d", viewer, slot) }

// fire sends what was loaded as fast as it is taken, and waits for n receipts.
func (s *venue) fire(ctx context.Context, n int) error {
	sent := 0
	for k := range redisSlots {
		for _, v := range s.viewers {
			if sent-int(s.crowd.received.Load()) >= redisAhead {
				if err := s.crowd.await(ctx, sent-redisAhead/2); err != nil {
					return err
				}
			}
			if _, err := v.conn.Write(v.frames[k]); err != nil {
				if odd := s.crowd.odd.Load(); odd != nil {
					return fmt.Errorf("a viewer heard %q", *odd)
				}
				return fmt.Errorf("send an answer: %w", err)
			}
			sent++
		}
	}
	return s.crowd.await(ctx, n)
}

// receipts checks every receipt against its answer, and that no two of a cue have
// the same number. It returns how many there are.
func (s *venue) receipts(cues []wire.Cue) (told int, err error) {
	type number struct {
		cue string
		seq uint64
	}
	seen := make(map[number]bool)
	for i, v := range s.viewers {
		from := 0
		for _, to := range v.ends {
			m, _, err := feedCodec.DecodeServer(v.told[from:to])
			if err != nil {
				return 0, fmt.Errorf("read a receipt: %w", err)
			}
			from = to
			r, ok := m.(*wire.Receipt)
			if !ok || len(r.Choice) != 1 || r.Choice[0] != i&1 || r.Level != string(s.level) || seen[number{r.Cue, r.Seq}] || !answers(cues, r, i) {
				return 0, fmt.Errorf("viewer %d was told %+v", i, m)
			}
			seen[number{r.Cue, r.Seq}] = true
			told++
		}
	}
	return told, nil
}

// answers says whether a receipt is of the answer that a viewer gave to its cue.
func answers(cues []wire.Cue, r *wire.Receipt, viewer int) bool {
	for k := range cues {
		if cues[k].ID == r.Cue {
			return r.ID == answerName(viewer, k)
		}
	}
	return false
}

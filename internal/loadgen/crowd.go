package loadgen

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
)

// crowd is the viewers of one worker.
type crowd struct {
	assigned Assignment
	codec    wire.Codec
	dialer   *websocket.Dialer
	clock    roomClock
	memo     *memo
	viewers  []*viewer
	door     chan *viewer // who wants to connect; room for all
	readers  sync.WaitGroup
	leaving  atomic.Bool
	hopeless chan error   // holds one: a viewer that will never be let in
	left     atomic.Int64 // connections that ended and should not have

	since       time.Time
	mu          sync.Mutex // protects everything below
	differences []string
	differing   int
	refused     map[string]int // connections, by why
	codes       map[string]int // answers, by code
	waits       []int64        // of welcomes, from the attempt
	back        *comingBack
	inside      int           // welcomed viewers, as long as none is lost
	full        chan struct{} // closed when all are inside
	lastIn      time.Time
	revision    map[revision]*spreading
}

type revision struct {
	cue string
	rev int
}

// spreading is one revision of a cue on its way to the viewers.
type spreading struct {
	times []int64
	all   chan struct{} // closed when everybody has it
}

// comingBack is what is measured after a cut.
type comingBack struct {
	cut     time.Time
	waits   []int64
	resumed int
	reset   int
}

// dialers are how many handshakes go on at once in one worker.
const dialers = 32

func newCrowd(a Assignment) (*crowd, error) {
	codec, ok := wire.CodecOf(a.Codec)
	if !ok {
		return nil, fmt.Errorf("codec: there is no %q", a.Codec)
	}
	if a.Viewers < 1 || a.Viewers > MaxSockets {
		return nil, fmt.Errorf("viewers: %d is not between 1 and %d", a.Viewers, MaxSockets)
	}
	c := &crowd{
		assigned: a, codec: codec, dialer: dialer(a), clock: roomClock{zero: time.Now()}, memo: newMemo(codec), since: time.Now(),
		door: make(chan *viewer, a.Viewers), refused: make(map[string]int), full: make(chan struct{}), hopeless: make(chan error, 1),
		revision: make(map[revision]*spreading),
	}
	for i := range a.Viewers {
		c.viewers = append(c.viewers, &viewer{crowd: c, number: a.First + i})
	}
	return c, nil
}

func (c *crowd) opcode() byte {
	if c.codec.Binary() {
		return opBinary
	}
	return opText
}

// differ notes that a viewer heard what it should not have.
func (c *crowd) differ(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.differing++; len(c.differences) < maxDifferences {
		c.differences = append(c.differences, fmt.Sprintf(format, args...))
	}
}

// run lets viewers in, as the ramp says, and in again, until ctx ends. Then it
// closes every connection and waits for its readers.
func (c *crowd) run(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { c.queue(ctx) })
	work.Go(func() { c.keepTime(ctx) })
	for range min(dialers, len(c.viewers)) {
		work.Go(func() {
			for {
				select {
				case v := <-c.door:
					c.admit(ctx, v)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	<-ctx.Done()
	c.leaving.Store(true)
	work.Wait()
	for _, v := range c.viewers {
		v.hangUp()
	}
	c.readers.Wait()
}

// queue brings everybody to the door.
func (c *crowd) queue(ctx context.Context) {
	for i, v := range c.viewers {
		if c.assigned.Ramp > 0 {
			due := c.since.Add(time.Duration(float64(i) / c.assigned.Ramp * float64(time.Second)))
			if !pause(ctx, time.Until(due)) {
				return
			}
		}
		c.door <- v
	}
}

// pause reports false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
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

// admit connects v, or sends it to the end of the queue.
func (c *crowd) admit(ctx context.Context, v *viewer) {
	err := c.connect(ctx, v)
	if err == nil || ctx.Err() != nil {
		return
	}
	no := new(refusedError)
	if !errors.As(err, &no) {
		no = &refusedError{why: reasonOf(err)}
	}
	c.mu.Lock()
	c.refused[no.why]++
	c.mu.Unlock()
	if no.final {
		select {
		case c.hopeless <- fmt.Errorf("viewer %d is not let in: %s", v.number, no.why):
		default: // one says it for all
		}
		return
	}
	v.comeBack(no.after)
}

const (
	firstBackoff = 500 * time.Millisecond
	lastBackoff  = 8 * time.Second
)

// comeBack queues v again after a pause with full jitter, so that those who
// were cut together do not come back together.
func (v *viewer) comeBack(after time.Duration) {
	v.mu.Lock()
	limit := min(firstBackoff<<min(v.tries, 10), lastBackoff)
	v.tries++
	v.mu.Unlock()
	time.AfterFunc(after+time.Duration(rand.Int64N(int64(limit))), func() { v.crowd.door <- v })
}

// connect makes a connection, says hello and waits for the welcome.
func (c *crowd) connect(ctx context.Context, v *viewer) error {
	began := time.Now()
	conn, err := c.dial(ctx)
	if err != nil {
		return err
	}
	welcomed := make(chan error, 1)
	v.mu.Lock()
	v.conn, v.welcomed, v.began, v.bye = conn, welcomed, began, nil
	hello := v.hello()
	v.mu.Unlock()
	c.readers.Go(func() { v.listen(conn) })
	if err := v.send(conn, hello); err != nil {
		conn.Close()
	}
	late := time.NewTimer(welcomeWait)
	defer late.Stop()
	select {
	case err = <-welcomed:
	case <-late.C:
		err = &refusedError{why: "no welcome"}
		v.hangUp()
	case <-ctx.Done():
		err = ctx.Err()
	}
	return err
}

// listen reads until the connection ends, and comes back if it should.
func (v *viewer) listen(conn net.Conn) {
	err := listen(conn, new(messages), func(op byte, payload []byte, at time.Time) error { return v.hear(conn, op, payload, at) })
	conn.Close()
	v.mu.Lock()
	if v.conn != conn {
		v.mu.Unlock()
		return // it was cut on purpose
	}
	v.conn = nil
	waiting := v.welcomed
	v.welcomed = nil
	bye := v.bye
	v.mu.Unlock()
	if waiting != nil {
		waiting <- err // whoever connects deals with it
		return
	}
	v.crowd.lost(v, bye, err)
}

// hangUp ends the connection, if there is one; its reader comes to an end.
func (v *viewer) hangUp() {
	v.mu.Lock()
	conn := v.conn
	v.conn, v.welcomed = nil, nil
	v.mu.Unlock()
	if conn != nil {
		conn.Close()
	}
}

// lost notes a connection that ended by itself.
func (c *crowd) lost(v *viewer, bye *wire.Bye, err error) {
	if c.leaving.Load() {
		return
	}
	c.left.Add(1)
	c.outside()
	no := new(refusedError)
	if errors.As(err, &no) && no.final {
		c.differ("viewer %d was turned out: %s", v.number, no.why)
		return
	}
	var after time.Duration
	if bye != nil {
		after = time.Duration(bye.After) * time.Millisecond
	}
	v.comeBack(after)
}

// outside says that not everybody is connected any more.
func (c *crowd) outside() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inside == len(c.viewers) {
		c.full = make(chan struct{})
	}
	c.inside--
}

// arrived notes a welcome. The viewer's lock is held.
func (c *crowd) arrived(v *viewer, w *wire.Welcome, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waits = append(c.waits, at.Sub(v.began).Microseconds())
	c.lastIn = at
	if b := c.back; b != nil {
		b.waits = append(b.waits, at.Sub(b.cut).Microseconds())
		if w.Resumed {
			b.resumed++
		} else {
			b.reset++
		}
	}
	if c.inside++; c.inside == len(c.viewers) {
		close(c.full)
	}
}

// heard notes that one more viewer knows a revision. The viewer's lock is held.
func (c *crowd) heard(cue string, rev int, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.spreadingOf(cue, rev)
	if s.times = append(s.times, at.UnixNano()); len(s.times) == len(c.viewers) {
		close(s.all)
	}
}

// spreadingOf is called with the lock held.
func (c *crowd) spreadingOf(cue string, rev int) *spreading {
	key := revision{cue, rev}
	s := c.revision[key]
	if s == nil {
		s = &spreading{all: make(chan struct{})}
		c.revision[key] = s
	}
	return s
}

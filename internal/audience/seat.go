package audience

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

const (
	burstPings  = 8
	burstEvery  = 50 * time.Millisecond
	pingEvery   = 20 * time.Second
	pingJitter  = 4 * time.Second
	statusEvery = 10 * time.Second
	never       = clock.Local(math.MaxInt64)
)

// seat is everything a viewer knows and does. It belongs to one goroutine, and
// so does writing to the connection.
type seat struct {
	viewer *Viewer
	local  func() clock.Local
	rand   *rand.Rand

	conn        *websocket.Conn // nil while there is none
	welcomed    bool            // on this connection
	participant string

	filter   clock.Filter
	epoch    uint32
	seq      uint16
	burst    int // pings left to send quickly
	nextPing clock.Local

	synced     bool
	nextStatus clock.Local

	screen  screen
	answers int
}

// run does everything in time until ctx ends. What happens when comes from
// the seat's own clock; messages only change its mind about it.
func (s *seat) run(ctx context.Context, events <-chan event) {
	defer s.lost()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case e := <-events:
			s.hear(e)
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		now := s.local()
		next := min(s.ping(now), s.report(now), s.play(now))
		if next == never {
			timer.Stop()
		} else {
			timer.Reset(max(0, next-s.local()))
		}
	}
}

func (s *seat) hear(e event) {
	switch {
	case e.conn != nil:
		s.conn = e.conn
	case e.gone:
		s.lost()
	case e.pong != nil:
		s.learn(e)
	}
	switch m := e.msg.(type) {
	case *wire.Welcome:
		s.welcome(m, s.local())
	case *wire.CueChanged:
		s.read(s.screen.apply(m.Cue))
	case *wire.Key:
		if sh := s.screen.find(m.Cue); sh != nil {
			sh.key = m
			s.read(sh)
		}
	case *wire.Receipt:
		s.receipt(*m)
	case *wire.Refused:
		s.refused(*m)
	}
}

// read opens the seal of what changed on the screen. A seal that cannot be opened
// leaves the window shut.
func (s *seat) read(sh *show) {
	if sh == nil {
		return
	}
	if err := sh.read(s.viewer.Channel); err != nil {
		s.viewer.Log.Warn("seal not opened", "channel", s.viewer.Channel, "err", err)
	}
}

func (s *seat) lost() {
	s.conn = nil
	if s.welcomed {
		s.welcomed = false
		s.viewer.Hooks.Gone()
	}
}

// send writes if there is a connection. A failure ends it; the link notices.
func (s *seat) send(m wire.Message) bool {
	if s.conn == nil || !s.welcomed {
		return false
	}
	if err := write(s.conn, m); err != nil {
		s.conn.Close()
		s.lost()
		return false
	}
	return true
}

// welcome takes over all that the server knows, and asks again for every
// receipt that is still missing.
func (s *seat) welcome(w *wire.Welcome, now clock.Local) {
	s.participant, s.welcomed = w.Participant, true
	if w.ClockEpoch != s.epoch {
		s.epoch = w.ClockEpoch
		s.filter.Reset()
	}
	for _, cue := range w.Cues {
		known := s.screen.find(cue.ID) != nil
		if sh := s.screen.apply(cue); sh != nil && !known {
			sh.late = cue.Open != 0 && w.Now >= cue.Open
		}
		s.read(s.screen.find(cue.ID))
	}
	for _, r := range w.Receipts {
		s.receipt(r)
	}
	for _, sh := range s.screen {
		sh.retry = now
	}
	s.burst, s.nextPing, s.nextStatus = burstPings, now, now
	s.viewer.Hooks.Connected(s.participant)
}

// ping asks for the server's clock: quickly at first, then now and then.
func (s *seat) ping(now clock.Local) clock.Local {
	if !s.welcomed {
		return never
	}
	if now < s.nextPing {
		return s.nextPing
	}
	s.seq++
	p := wire.Ping{Seq: s.seq, Sent: float64(now) / float64(time.Millisecond)}
	if err := writeFrame(s.conn, websocket.BinaryMessage, p.Append(nil)); err != nil {
		s.conn.Close()
		s.lost()
		return never
	}
	s.nextPing = now + burstEvery
	if s.burst--; s.burst <= 0 {
		s.nextPing = now + pingEvery - pingJitter + time.Duration(s.rand.Int64N(int64(2*pingJitter)))
	}
	return s.nextPing
}

func (s *seat) learn(e event) {
	if e.pong.ClockEpoch != s.epoch {
		s.epoch = e.pong.ClockEpoch
		s.filter.Reset()
	}
	sent := clock.Local(math.Round(e.pong.Sent * float64(time.Millisecond)))
	s.filter.Add(clock.Exchange{Sent: sent, Received: e.pong.Received, Replied: e.pong.Replied, Returned: e.at})
}

// report sends the heartbeat, at once when the clock becomes synced.
func (s *seat) report(now clock.Local) clock.Local {
	if !s.welcomed || s.burst > 0 {
		return never
	}
	best, ok := s.filter.Best(now)
	synced := ok && best.Synced(now)
	if now < s.nextStatus && synced == s.synced {
		return s.nextStatus
	}
	s.synced, s.nextStatus = synced, now+statusEvery
	status := &wire.Status{Synced: synced, RTT: best.RTT.Microseconds(), Class: wire.ClassNone, Visible: true}
	if ok {
		status.Dispersion = best.Dispersion(now).Microseconds()
	}
	s.send(status)
	return s.nextStatus
}

// play opens windows, answers and sends, in this order, and returns when there
// is more to do.
func (s *seat) play(now clock.Local) clock.Local {
	next := never
	for _, sh := range s.screen {
		next = min(next, s.open(sh, now), s.tap(sh, now), s.shut(sh, now), s.hand(sh, now))
	}
	return next
}

// open opens a window at O by the viewer's own clock.
func (s *seat) open(sh *show, now clock.Local) clock.Local {
	best, ok := s.filter.Best(now)
	if !ok || !sh.mayOpen() {
		return never
	}
	if due := best.Local(sh.cue.Open); now < due {
		return due
	}
	at := best.At(now)
	if !sh.halted() && at >= sh.closesFor() {
		return never
	}
	sh.opened = &wire.Opened{
		Cue: sh.cue.ID, Rev: sh.cue.Rev, At: at, Late: sh.late,
		Dispersion: best.Dispersion(now).Microseconds(), Class: wire.ClassNone,
	}
	s.viewer.Hooks.Opened(*sh.opened, at.Sub(sh.cue.Open))
	cue := sh.cue
	cue.Text = sh.text
	if r, will := s.viewer.Behaviour(s.rand, cue); will {
		sh.tap, sh.choice = now+max(r.After, 1), r.Choice
	}
	return never
}

// tap answers when the viewer's time has come, unless its window has closed.
func (s *seat) tap(sh *show, now clock.Local) clock.Local {
	switch {
	case sh.tap == 0:
		return never
	case now < sh.tap:
		return sh.tap
	}
	best, ok := s.filter.Best(now)
	if ok && sh.pausedAt(best.At(now)) { // it taps when the window goes on
		if sh.cue.Resume == 0 {
			return never
		}
		return best.Local(sh.cue.Resume)
	}
	sh.tap = 0
	if !ok || best.At(now) >= sh.cue.Close || sh.settled {
		return never
	}
	s.answers++
	sh.answer = &wire.Answer{
		ID: fmt.Sprintf("%x-%d", s.viewer.Seed, s.answers), Cue: sh.cue.ID, Rev: sh.cue.Rev, Choice: sh.choice,
		At: best.At(now), Dispersion: best.Dispersion(now).Microseconds(),
	}
	sh.retry = now
	return never
}

// shut closes a window at C by the viewer's own clock.
func (s *seat) shut(sh *show, now clock.Local) clock.Local {
	best, ok := s.filter.Best(now)
	if !ok || sh.opened == nil || sh.closed || sh.halted() {
		return never
	}
	if due := best.Local(sh.cue.Close); now < due {
		return due
	}
	sh.closed = true
	return never
}

// hand sends what the server should know of a cue, the answer again and again
// until it is receipted or refused for good.
func (s *seat) hand(sh *show, now clock.Local) clock.Local {
	if !s.welcomed {
		return never
	}
	if sh.opened != nil && !sh.told {
		sh.told = s.send(sh.opened)
	}
	if sh.closed && !sh.toldOf {
		sh.toldOf = s.send(&wire.Closed{Cue: sh.cue.ID, Rev: sh.cue.Rev, At: sh.cue.Close})
	}
	switch {
	case sh.answer == nil || sh.settled || !s.welcomed:
		return never
	case now < sh.retry:
		return sh.retry
	}
	if s.send(sh.answer) {
		sh.tries++
		s.viewer.Hooks.Answered(*sh.answer, sh.tries)
	}
	sh.retry = now + retryAfter
	return sh.retry
}

func (s *seat) receipt(r wire.Receipt) {
	sh := s.screen.find(r.Cue)
	if sh == nil || sh.settled {
		return
	}
	sh.settled, sh.tap = true, 0
	s.viewer.Hooks.Receipt(s.participant, r)
}

func (s *seat) refused(r wire.Refused) {
	s.viewer.Hooks.Refused(s.participant, r)
	if sh := s.screen.find(r.Cue); sh != nil && !again(r.Code) {
		sh.settled = true
	}
}

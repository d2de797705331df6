package gateway

import (
	"context"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

// join goes from the handshake to Welcome. It runs with the right to write; the
// caller flushes what waits, which is the reason if join reports false.
func (c *conn) join() bool {
	defer c.recovered()
	ctx, cancel := context.WithTimeout(context.Background(), c.g.lim.HelloWait+c.g.lim.JoinWait)
	defer cancel()
	c.mu.Lock()
	c.interrupt = cancel
	c.mu.Unlock()

	welcome, bad := c.admit(ctx)
	if bad != nil {
		c.refuseJoin(*bad)
		return false
	}
	if err := c.writeWelcome(welcome); err != nil {
		c.broken(err)
		return false
	}
	c.g.counted.joined.Add(1)
	c.g.cfg.Log.Debug("joined", "conn", c.id, "channel", welcome.Channel, "viewer", c.participant, "remote", c.remote)
	c.mu.Lock()
	c.interrupt = nil
	c.ping = true
	c.life = c.g.moment(time.Now())
	if c.ending == nil {
		c.ws.SetReadDeadline(time.Time{}) // the wheel looks for silence
	}
	c.mu.Unlock()
	c.g.wheel.add(c, soon(c.g.lim.PingEvery))
	return true
}

// refuseJoin notes the first reason why there will be no Welcome: a stop may
// have come before.
func (c *conn) refuseJoin(why ending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.interrupt = nil
	if c.ending == nil {
		c.ending = &why
	}
}

func (c *conn) admit(ctx context.Context) (*wire.Welcome, *ending) {
	hello, bad := c.hello()
	if bad != nil {
		return nil, bad
	}
	room, ok := c.g.cfg.Rooms(hello.Channel)
	if !ok {
		return nil, &ending{code: wire.CloseChannel}
	}
	if bad := c.belong(hello.Channel, hello.Role, time.Now()); bad != nil {
		return nil, c.redirected(bad, hello.Channel)
	}
	leave, ok := c.passDoors(c.g.lim.JoinWait, ctx.Done())
	if !ok {
		return nil, c.redirected(&ending{code: wire.CloseBusy}, hello.Channel)
	}
	defer leave()
	now := time.Now()
	tok, bad := c.identify(hello, now)
	if bad != nil {
		return nil, bad
	}
	if bad := c.barredHere(hello.Channel, now); bad != nil {
		return nil, bad
	}
	c.room = room
	c.inherit(hello, now)
	h := c.g.openHall(hello.Channel)
	at, ok := h.enter(c, c.g.lim.PerParticipant, hello.Resume, now)
	if !ok {
		return nil, &ending{code: wire.CloseTooMany, reason: "open in too many places at once"}
	}
	c.hall = h
	w, err := room.Join(ctx, c.participant, c.role())
	if err != nil {
		return nil, c.redirected(c.joinFailed(hello.Channel, err), hello.Channel)
	}
	w.Version, w.Channel, w.Role, w.Participant, w.Token = wire.Version, hello.Channel, c.role(), c.participant, tok
	w.ClockEpoch, w.Grade = c.g.cfg.Clock.Epoch(), c.grade
	c.placeIn(&w, at, hello.Resume != nil)
	return fill(&w), nil
}

// redirected says where else there may be room, if that is why a join ends.
func (c *conn) redirected(bad *ending, channel string) *ending {
	if bad.code == wire.CloseBusy {
		bad.try = c.g.try(channel)
	}
	return bad
}

// placeIn says in w where the viewer stands in the channel's log. Who resumes
// is not told what it knows: what it has missed follows Welcome (GW27).
func (c *conn) placeIn(w *wire.Welcome, at position, asked bool) {
	w.Epoch, w.Offset, w.Resumed = at.epoch, at.offset, at.resumed
	switch {
	case at.resumed:
		c.g.counted.resumed.Add(1)
		w.Timeline, w.Cues, w.Tallies = nil, nil, nil
		c.mu.Lock()
		c.outLocked().missed = at.missed
		c.mu.Unlock()
	case asked:
		c.g.counted.reset.Add(1)
	}
}

// fill makes lists of nothing empty ones.
func fill(w *wire.Welcome) *wire.Welcome {
	if w.Cues == nil {
		w.Cues = []wire.Cue{}
	}
	if w.Tallies == nil {
		w.Tallies = []wire.Tally{}
	}
	if w.Receipts == nil {
		w.Receipts = []wire.Receipt{}
	}
	return w
}

// hello reads the first message and checks all but the identity.
func (c *conn) hello() (*wire.Hello, *ending) {
	c.ws.SetReadDeadline(time.Now().Add(c.g.lim.HelloWait))
	kind, buf, n, err := c.receive()
	if err != nil {
		if isTimeout(err) {
			return nil, &ending{code: wire.CloseHello}
		}
		return nil, &ending{}
	}
	defer buffers.Put(buf)
	if kind != opcodeOf(c.codec) || n > wire.MaxClientMessage {
		return nil, &ending{code: wire.CloseInvalid, reason: "the first message is hello"}
	}
	m, err := c.codec.DecodeClient(buf[:n])
	hello, ok := m.(*wire.Hello)
	switch {
	case err != nil || !ok:
		return nil, &ending{code: wire.CloseInvalid, reason: "the first message is hello"}
	case hello.Version != wire.Version:
		return nil, &ending{code: wire.CloseVersion}
	case len(hello.PIN) > wire.MaxPIN || len(hello.Link) > wire.MaxLink || hello.Resume != nil && len(hello.Resume.Epoch) > wire.MaxEpoch:
		return nil, &ending{code: wire.CloseInvalid, reason: "pin, link or epoch is too long"}
	case hello.Role != "" && hello.Role != wire.RoleViewer && hello.Role != wire.RoleProducer:
		return nil, &ending{code: wire.CloseInvalid, reason: "role is viewer or producer"}
	}
	return hello, nil
}

// joinFailed turns a room's refusal into a close.
func (c *conn) joinFailed(channel string, err error) *ending {
	switch interact.CodeOf(err) {
	case interact.CodeBanned:
		return &ending{code: wire.CloseBanned}
	case interact.CodeDenied, interact.CodeNotAdmitted:
		return &ending{code: wire.CloseDenied}
	case interact.CodeBusy, interact.CodeUnavailable, interact.CodeTooMany:
		return &ending{code: wire.CloseBusy}
	default:
		c.g.complain("join refused by its room", channel, err)
		return &ending{code: wire.CloseError}
	}
}

// writeWelcome waits for a slow reader: nobody else writes yet.
func (c *conn) writeWelcome(w *wire.Welcome) error {
	w.Now = c.g.cfg.Clock.At(time.Now())
	frame, err := c.hall.preface.appendWelcome(nil, c.codec, w)
	if err != nil {
		return err
	}
	c.blocking(false)
	defer c.unblocked()
	_, err = c.ws.NetConn().Write(frame)
	return err
}

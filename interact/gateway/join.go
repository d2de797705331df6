package gateway

import (
	"context"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
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
	c.out.ping = true
	c.life = time.Now()
	if c.ending == nil {
		c.ws.SetReadDeadline(c.life.Add(c.g.lim.Silence + c.lifeGap()))
	}
	c.mu.Unlock()
	c.g.wheel.add(c, c.g.lim.PingEvery)
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
		return nil, &ending{wire.CloseChannel, ""}
	}
	tok, bad := c.identify(hello, time.Now())
	if bad != nil {
		return nil, bad
	}
	c.room = room
	c.inherit(hello, time.Now())
	h := c.g.openHall(hello.Channel)
	// Seated before the snapshot is taken, so that no change falls between (GW1).
	if !h.enter(c, c.g.lim.PerParticipant) {
		return nil, &ending{wire.CloseTooMany, "open in too many places at once"}
	}
	c.hall = h
	w, err := room.Join(ctx, c.participant, c.role())
	if err != nil {
		return nil, c.joinFailed(hello.Channel, err)
	}
	w.Version, w.Channel, w.Role, w.Participant, w.Token = wire.Version, hello.Channel, c.role(), c.participant, tok
	w.ClockEpoch = c.g.cfg.Clock.Epoch()
	return fill(&w), nil
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
			return nil, &ending{wire.CloseHello, ""}
		}
		return nil, &ending{}
	}
	defer buffers.Put(buf)
	if kind != websocket.TextMessage || n > wire.MaxClientMessage {
		return nil, &ending{wire.CloseInvalid, "the first message is hello"}
	}
	m, err := wire.DecodeClient(buf[:n])
	hello, ok := m.(*wire.Hello)
	switch {
	case err != nil || !ok:
		return nil, &ending{wire.CloseInvalid, "the first message is hello"}
	case hello.Version != wire.Version:
		return nil, &ending{wire.CloseVersion, ""}
	case hello.Role != "" && hello.Role != wire.RoleViewer && hello.Role != wire.RoleProducer:
		return nil, &ending{wire.CloseInvalid, "role is viewer or producer"}
	}
	return hello, nil
}

// identify finds out who says hello and returns the token to keep.
func (c *conn) identify(hello *wire.Hello, now time.Time) (string, *ending) {
	var claims token.Claims
	valid := false
	if hello.Token != "" {
		var err error
		claims, err = c.g.cfg.Tokens.Verify(hello.Token, now)
		valid = err == nil
	} else if hello.Role == wire.RoleProducer && c.cookie != nil {
		claims, valid = *c.cookie, true
	}
	c.cookie = nil
	if valid && !claims.May(hello.Channel) {
		return "", &ending{wire.CloseDenied, "this token is for another channel"}
	}
	if hello.Role == wire.RoleProducer {
		if !valid || claims.Role != token.RoleProducer {
			return "", &ending{wire.CloseDenied, "sign in as a producer first"}
		}
		c.producer, c.participant = true, claims.Subject
		return "", nil
	}
	return c.identifyViewer(claims, valid && claims.Role == token.RoleViewer, hello.Token, now)
}

// identifyViewer makes a new participant of everybody without a valid token:
// an anonymous identity proves nothing that a new one would not (GW5).
func (c *conn) identifyViewer(claims token.Claims, valid bool, tok string, now time.Time) (string, *ending) {
	if valid && claims.Expires.Sub(now) > viewerTokenLife/2 {
		c.participant = claims.Subject
		return tok, nil
	}
	if !valid {
		claims = token.Claims{Role: token.RoleViewer, Subject: token.NewParticipant()}
	}
	claims.Expires = now.Add(viewerTokenLife)
	tok, err := c.g.cfg.Tokens.Mint(claims, now)
	if err != nil {
		c.g.complain("viewer token not minted", "", err)
		return "", &ending{wire.CloseError, ""}
	}
	c.participant = claims.Subject
	return tok, nil
}

func (c *conn) role() string {
	if c.producer {
		return wire.RoleProducer
	}
	return wire.RoleViewer
}

// joinFailed turns a room's refusal into a close.
func (c *conn) joinFailed(channel string, err error) *ending {
	switch interact.CodeOf(err) {
	case interact.CodeDenied, interact.CodeNotAdmitted:
		return &ending{wire.CloseDenied, ""}
	case interact.CodeBusy, interact.CodeUnavailable, interact.CodeTooMany:
		return &ending{wire.CloseBusy, ""}
	default:
		c.g.complain("join refused by its room", channel, err)
		return &ending{wire.CloseError, ""}
	}
}

func (c *conn) writeWelcome(w *wire.Welcome) error {
	now := time.Now()
	w.Now = c.g.cfg.Clock.At(now)
	data, err := wire.Encode(w)
	if err != nil {
		return err
	}
	c.ws.SetWriteDeadline(now.Add(c.g.lim.WriteWait))
	return c.ws.WriteMessage(websocket.TextMessage, data)
}

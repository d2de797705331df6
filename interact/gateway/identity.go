package gateway

import (
	"errors"
	"log/slog"
	"time"

	"github.com/cuelight/cuelight/interact/admission"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
)

// Desk says who a viewer is. Safe for concurrent use.
type Desk interface {
	// Admit finds out who says hello to the channel as a viewer, or refuses. It
	// may wait a few seconds for the log.
	// Errors: *admission.Refusal.
	Admit(hello wire.Hello, channel string, now time.Time) (admission.Ticket, error)
}

// viewerTokenLife is how long an anonymous viewer stays the same one. A token
// that is half used up is replaced at the next visit.
const viewerTokenLife = 30 * 24 * time.Hour

// anonymous lets everybody in, by a token of this server's alone.
type anonymous struct {
	tokens Tokens
	log    *slog.Logger
}

// Admit makes a new participant of everybody without a valid token: an
// anonymous identity proves nothing that a new one would not (GW5).
func (a anonymous) Admit(hello wire.Hello, channel string, now time.Time) (admission.Ticket, error) {
	claims := token.Claims{}
	valid := false
	if hello.Token != "" {
		var err error
		claims, err = a.tokens.Verify(hello.Token, now)
		valid = err == nil && claims.Role == token.RoleViewer
	}
	switch {
	case valid && !claims.May(channel):
		return admission.Ticket{}, otherChannel
	case valid && claims.Expires.Sub(now) > viewerTokenLife/2:
		return admission.Ticket{Participant: claims.Subject, Grade: wire.GradeDevice, Token: hello.Token}, nil
	case !valid:
		claims = token.Claims{Role: token.RoleViewer, Subject: token.NewParticipant()}
	}
	claims.Expires = now.Add(viewerTokenLife)
	tok, err := a.tokens.Mint(claims, now)
	if err != nil {
		a.log.Error("viewer token not minted", "err", err)
		return admission.Ticket{}, &admission.Refusal{Code: wire.CloseError}
	}
	return admission.Ticket{Participant: claims.Subject, Grade: wire.GradeDevice, Token: tok}, nil
}

var otherChannel = &admission.Refusal{Code: wire.CloseDenied, Reason: "this token is for another channel"}

// identify finds out who says hello and returns the token to keep.
func (c *conn) identify(hello *wire.Hello, now time.Time) (string, *ending) {
	if hello.Role == wire.RoleProducer {
		return "", c.identifyProducer(hello, now)
	}
	c.cookie = nil
	guesses := hello.PIN != "" || hello.Link != ""
	if guesses && c.g.guesses.barred(c.remote, now) {
		c.g.counted.guessesBarred.Add(1)
		return "", &ending{code: wire.CloseTooMany, reason: "too many wrong attempts: wait a minute"}
	}
	ticket, err := c.g.desk.Admit(*hello, hello.Channel, now)
	if err != nil {
		return "", c.turnedAway(err, guesses, now)
	}
	c.participant, c.grade = ticket.Participant, ticket.Grade
	return ticket.Token, nil
}

// turnedAway turns the desk's refusal into a close. What was typed and is wrong
// counts against the address (GW34).
func (c *conn) turnedAway(err error, guesses bool, now time.Time) *ending {
	refusal, ok := errors.AsType[*admission.Refusal](err)
	if !ok {
		c.g.complain("viewer not identified", "", err)
		return &ending{code: wire.CloseError}
	}
	if guesses && (refusal.Code == wire.ClosePIN || refusal.Code == wire.CloseLink) {
		c.g.counted.guesses.Add(1)
		c.g.guesses.wrong(c.remote, now)
	}
	return &ending{code: refusal.Code, reason: refusal.Reason}
}

// identifyProducer checks a token, or the cookie of whoever comes without one.
func (c *conn) identifyProducer(hello *wire.Hello, now time.Time) *ending {
	var claims token.Claims
	valid := false
	if hello.Token != "" {
		var err error
		claims, err = c.g.cfg.Tokens.Verify(hello.Token, now)
		valid = err == nil
	} else if c.cookie != nil {
		claims, valid = *c.cookie, true
	}
	c.cookie = nil
	switch {
	case !valid || claims.Role != token.RoleProducer:
		return &ending{code: wire.CloseDenied, reason: "sign in as a producer first"}
	case !claims.May(hello.Channel):
		return &ending{code: wire.CloseDenied, reason: "this token is for another channel"}
	}
	c.producer, c.participant = true, claims.Subject
	return nil
}

func (c *conn) role() string {
	if c.producer {
		return wire.RoleProducer
	}
	return wire.RoleViewer
}

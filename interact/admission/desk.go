package admission

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
)

// deviceLife is how long a viewer that does not come back stays the same one.
// A token that is half used up is replaced at the next visit.
const deviceLife = 30 * 24 * time.Hour

// Purposes of the keys that are derived from the server's secret.
const (
	linkPurpose        = "one-time links"
	proofPurpose       = "proofs of identity"
	participantPurpose = "participants"
)

// Config says who takes part where. Keys is needed.
type Config struct {
	// Keys signs viewers' tokens.
	Keys *token.Keys
	// Channels are the rules of channels by name. A channel that is not named
	// here lets everybody in.
	Channels map[string]Rules
	// Bind makes a one-time link a participant's, durably, and returns whose it
	// is: the first one's. It may be called concurrently. Nil means that there
	// are no links.
	// Errors: *interact.Error if the log cannot be written.
	Bind func(ctx context.Context, channel, link, participant string) (owner string, err error)
	// Log receives what is wrong with files of keys, and our own mistakes. Nil
	// discards.
	Log *slog.Logger
}

// Ticket is who somebody is, once let in.
type Ticket struct {
	// Participant is the id under which answers count: one person's is the same
	// for as long as the grade can tell.
	Participant string
	// Grade is how sure it is that the participant is one person.
	Grade string
	// Token is what a viewer keeps, to be the same participant the next time.
	Token string
}

// Desk lets viewers in. It is immutable but for files of keys, which are read
// again when they change, and safe for concurrent use.
type Desk struct {
	cfg                       Config
	channels                  map[string]*door
	links, proofs, identities []byte // keys
}

// door is a channel's rules, ready to be applied.
type door struct {
	require  string
	pin      []byte // proof that the PIN is known; nil without one
	accounts *host  // nil without
}

// New returns a desk that lets viewers in at once.
//
// Errors: every channel's rules that cannot be kept, and files of keys that
// cannot be read.
func New(cfg Config) (*Desk, error) {
	if cfg.Keys == nil {
		return nil, errors.New("admission: keys are needed")
	}
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	d := &Desk{cfg: cfg, channels: make(map[string]*door)}
	var errs []error
	for purpose, key := range map[string]*[]byte{linkPurpose: &d.links, proofPurpose: &d.proofs, participantPurpose: &d.identities} {
		var err error
		*key, err = cfg.Keys.Derive(purpose)
		errs = append(errs, err)
	}
	for name, rules := range cfg.Channels {
		at, err := d.door(name, rules)
		if err != nil {
			errs = append(errs, fmt.Errorf("identity of channel %s: %w", name, err))
		}
		d.channels[name] = at
	}
	return d, errors.Join(errs...)
}

func (d *Desk) door(channel string, r Rules) (*door, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	at := &door{require: cmp.Or(r.Require, wire.GradeDevice)}
	if r.PIN != "" {
		at.pin = d.pinProof(channel, r.PIN)
	}
	if r.Account != nil {
		var err error
		if at.accounts, err = openHost(*r.Account, d.cfg.Log.With("channel", channel)); err != nil {
			return nil, err
		}
	}
	return at, nil
}

// anybody is the door of channels without rules.
var anybody = &door{require: wire.GradeDevice}

func (d *Desk) at(channel string) *door {
	if at := d.channels[channel]; at != nil {
		return at
	}
	return anybody
}

// Admit finds out who says hello to the channel as a viewer. Somebody without
// a token, or with one that is not valid, is a new participant, where devices
// are let in. It may wait a few seconds for the log if hello has a link.
//
// Errors: *Refusal.
func (d *Desk) Admit(hello wire.Hello, channel string, now time.Time) (Ticket, error) {
	at := d.at(channel)
	if at.accounts.issued(hello.Token) {
		return d.admitAccount(at, hello.Token, channel, now)
	}
	who, err := d.recognise(at, hello.Token, channel, now)
	if err != nil {
		return Ticket{}, err
	}
	switch {
	case hello.Link != "":
		err = d.useLink(&who, hello.Link, channel, now)
	case hello.PIN != "" && !atLeast(who.grade, wire.GradePIN):
		err = d.usePIN(at, &who, hello.PIN, channel)
	}
	if err != nil {
		return Ticket{}, err
	}
	if !atLeast(who.grade, at.require) {
		return Ticket{}, needed(at.require)
	}
	return d.ticket(who, now)
}

// Identify returns whose token tok is, for requests that come without hello.
// It makes nobody a participant who was none. Ticket.Token is tok itself, or,
// for a JWT of the host's site, a token of this server.
//
// Errors: *Refusal.
func (d *Desk) Identify(tok, channel string, now time.Time) (Ticket, error) {
	at := d.at(channel)
	if at.accounts.issued(tok) {
		return d.admitAccount(at, tok, channel, now)
	}
	who, err := d.recognise(at, tok, channel, now)
	switch {
	case err != nil:
		return Ticket{}, err
	case who.tok == "":
		return Ticket{}, ErrNoToken
	case !atLeast(who.grade, at.require):
		return Ticket{}, needed(at.require)
	}
	return Ticket{Participant: who.claims.Subject, Grade: who.grade, Token: tok}, nil
}

// MayPlay says why tok does not let its bearer play a protected channel, nil if
// it does. A viewer has to have been told more than the channel's name: a token
// that was given to whoever asked is not enough.
//
// Errors: *Refusal.
func (d *Desk) MayPlay(tok, channel string, now time.Time) error {
	at := d.at(channel)
	if at.accounts.issued(tok) {
		_, err := d.admitAccount(at, tok, channel, now)
		return err
	}
	who, err := d.recognise(at, tok, channel, now)
	switch {
	case err != nil:
		return err
	case who.tok == "":
		return ErrNoToken
	case !atLeast(who.grade, at.require):
		return needed(at.require)
	case who.grade == wire.GradeDevice && who.claims.Grade != "": // given out by a desk, not by a person
		return errNotInvited
	}
	return nil
}

// visitor is who somebody seems to be, until let in.
type visitor struct {
	claims token.Claims
	// grade is what the claims' grade is worth on this channel.
	grade string
	// tok says claims; empty if no token does yet.
	tok string
}

// raise gives the visitor a grade with its proof.
func (v *visitor) raise(grade, proof string) {
	v.claims.Grade, v.claims.Proof = grade, proof
	v.grade, v.tok = grade, ""
}

// recognise reads a token of this server. What is none, or no longer, or no
// viewer's, makes a visitor that nobody has seen: an anonymous identity proves
// nothing that a new one would not.
//
// Errors: a token for other channels.
func (d *Desk) recognise(at *door, tok, channel string, now time.Time) (visitor, error) {
	fresh := visitor{grade: wire.GradeDevice}
	if tok == "" {
		return fresh, nil
	}
	claims, err := d.cfg.Keys.Verify(tok, now)
	if err != nil || claims.Role != token.RoleViewer {
		return fresh, nil
	}
	if !claims.May(channel) {
		return fresh, errOtherChannel
	}
	return visitor{claims: claims, grade: d.worth(at, claims, channel), tok: tok}, nil
}

// worth returns the grade that a token's holder has on this channel: that of
// the token where it was earned here and what it was earned with still holds,
// that of a device elsewhere.
func (d *Desk) worth(at *door, c token.Claims, channel string) string {
	switch c.Grade {
	case wire.GradePIN:
		if at.pin != nil && same(c.Proof, pinMark(channel, at.pin)) {
			return c.Grade
		}
	case wire.GradeLink:
		if _, ok := linkOf(c.Proof, channel); ok {
			return c.Grade
		}
	case wire.GradeAccount:
		if at.accounts != nil && same(c.Proof, d.accountMark(channel, at.accounts.Issuer)) {
			return c.Grade
		}
	}
	return wire.GradeDevice
}

// ticket writes down who was let in, in a token to keep.
func (d *Desk) ticket(who visitor, now time.Time) (Ticket, error) {
	if who.claims.Subject == "" {
		who.claims = token.Claims{Role: token.RoleViewer, Subject: token.NewParticipant(), Grade: who.claims.Grade, Proof: who.claims.Proof}
		if who.claims.Grade == "" {
			who.claims.Grade = wire.GradeDevice
		}
	}
	lent := who.claims.Grade == wire.GradeAccount // ends when the host's word does
	if who.tok == "" || !lent && who.claims.Expires.Sub(now) <= deviceLife/2 {
		if !lent {
			who.claims.Expires = now.Add(deviceLife)
		}
		var err error
		if who.tok, err = d.cfg.Keys.Mint(who.claims, now); err != nil {
			d.cfg.Log.Error("viewer token not minted", "err", err)
			return Ticket{}, errInternal
		}
	}
	return Ticket{Participant: who.claims.Subject, Grade: who.grade, Token: who.tok}, nil
}

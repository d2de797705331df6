package api

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/sync/clock"
)

// Limits of what producers say of participants.
const (
	maxReason   = 200 // characters
	maxBan      = 366 * 24 * time.Hour
	maxLinks    = 1000
	minLinkLife = time.Minute
	maxLinkLife = 365 * 24 * time.Hour
	// linkLife is how long links wait for their first use unless the producer
	// says otherwise.
	linkLife = 24 * time.Hour
)

// enter makes a participant of whoever has no socket to become one on.
func (a *API) enter(r *http.Request) (reply, error) {
	name, now, remote := r.PathValue("channel"), time.Now(), remoteOf(r)
	if !remote.IsLoopback() && !a.newcomers.allow(remote, newcomerPace, now) {
		return reply{}, interact.Errorf(interact.CodeTooMany, "Too many new participants from this address. Wait a moment.")
	}
	if _, ok := a.cfg.Rooms(name); !ok {
		return reply{}, unknownChannel(name)
	}
	var body struct {
		Token string `json:"token"`
		PIN   string `json:"pin"`
		Link  string `json:"link"`
	}
	if err := decodeIfAny(r, &body); err != nil {
		return reply{}, err
	}
	if (body.PIN != "" || body.Link != "") && !a.guesses.allow(remote, guessPace, now) {
		return reply{}, interact.Errorf(interact.CodeTooMany, "Too many attempts from this address. Wait a minute.")
	}
	ticket, err := a.cfg.Desk.Admit(wire.Hello{
		Version: wire.Version, Channel: name, Role: wire.RoleViewer, Token: body.Token, PIN: body.PIN, Link: body.Link,
	}, name, now)
	if err != nil {
		return reply{}, turnedAway(err)
	}
	return reply{status: http.StatusCreated, body: struct {
		Participant string `json:"participant"`
		Grade       string `json:"grade"`
		Token       string `json:"token"`
	}{ticket.Participant, ticket.Grade, ticket.Token}}, nil
}

func (a *API) roster(r *http.Request) (reply, error) {
	name, err := a.known(r)
	if err != nil {
		return reply{}, err
	}
	out := *a.cfg.Crowd.Roster(name, wire.MaxRoster)
	if out.Viewers == nil {
		out.Viewers = []wire.RosterViewer{}
	}
	return reply{status: http.StatusOK, body: out}, nil
}

// participant returns the channel and participant that r's path names, for a
// producer who may use it (AP2).
func (a *API) participant(r *http.Request) (Room, string, string, error) {
	room, err := a.room(r)
	if err != nil {
		return nil, "", "", err
	}
	id := r.PathValue("participant")
	if !printable(id, token.MaxSubject) {
		return nil, "", "", notFound("There is no such participant.")
	}
	return room, r.PathValue("channel"), id, nil
}

func (a *API) kick(r *http.Request) (reply, error) {
	_, channel, id, err := a.participant(r)
	if err != nil {
		return reply{}, err
	}
	if err := decodeIfAny(r, &struct{}{}); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, body: struct {
		Participant string `json:"participant"`
		Closed      int    `json:"closed"`
	}{id, a.cfg.Crowd.Remove(channel, id, wire.CloseKicked)}}, nil
}

type banBody struct {
	Participant string        `json:"participant"`
	At          clock.Instant `json:"at_us"`
	Until       clock.Instant `json:"until_us,omitempty"` // absent: for good
	Reason      string        `json:"reason,omitempty"`
}

// ban keeps a participant out: first in the log, so that it cannot come back
// in between, then on its sockets (AP12).
func (a *API) ban(r *http.Request) (reply, error) {
	room, channel, id, err := a.participant(r)
	if err != nil {
		return reply{}, err
	}
	var body struct {
		For    int64  `json:"for_s"`
		Reason string `json:"reason"`
	}
	if err := decodeIfAny(r, &body); err != nil {
		return reply{}, err
	}
	if limit := int64(maxBan / time.Second); body.For < 0 || body.For > limit {
		return reply{}, interact.Errorf(interact.CodeInvalid, "for_s: between 1 and %d, or 0 for good", limit)
	}
	if utf8.RuneCountInString(body.Reason) > maxReason {
		return reply{}, interact.Errorf(interact.CodeInvalid, "reason: at most %d characters", maxReason)
	}
	out := interact.Ban{Participant: id, At: a.cfg.Clock.At(time.Now()), Reason: body.Reason}
	if body.For > 0 {
		out.Until = out.At.Add(time.Duration(body.For) * time.Second)
	}
	if err := room.Ban(r.Context(), id, out.Until, out.Reason); err != nil {
		return reply{}, err
	}
	closed := a.cfg.Crowd.Remove(channel, id, wire.CloseBanned)
	all, err := room.Bans(r.Context())
	if err != nil {
		return reply{}, err
	}
	if i := slices.IndexFunc(all, func(b interact.Ban) bool { return b.Participant == id }); i >= 0 {
		out = all[i] // as it is kept
	}
	return reply{status: http.StatusOK, body: struct {
		banBody
		Closed int `json:"closed"`
	}{banBody(out), closed}}, nil
}

func (a *API) unban(r *http.Request) (reply, error) {
	room, _, id, err := a.participant(r)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusNoContent}, room.Unban(r.Context(), id)
}

func (a *API) bans(r *http.Request) (reply, error) {
	room, err := a.room(r)
	if err != nil {
		return reply{}, err
	}
	all, err := room.Bans(r.Context())
	if err != nil {
		return reply{}, err
	}
	slices.SortFunc(all, func(a, b interact.Ban) int { // newest first
		return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(a.Participant, b.Participant))
	})
	list := make([]banBody, len(all))
	for i, b := range all {
		list[i] = banBody(b)
	}
	return reply{status: http.StatusOK, body: map[string]any{"bans": list}}, nil
}

// links makes one-time links to the watch page. The code is in the fragment,
// which browsers do not send and servers do not log.
func (a *API) links(r *http.Request) (reply, error) {
	name, err := a.known(r)
	if err != nil {
		return reply{}, err
	}
	var body struct {
		Count int   `json:"count"`
		For   int64 `json:"for_s"`
	}
	if err := decode(r, &body); err != nil {
		return reply{}, err
	}
	if body.Count < 1 || body.Count > maxLinks {
		return reply{}, interact.Errorf(interact.CodeInvalid, "count: between 1 and %d", maxLinks)
	}
	life := cmp.Or(body.For, int64(linkLife/time.Second))
	if least, most := int64(minLinkLife/time.Second), int64(maxLinkLife/time.Second); life < least || life > most {
		return reply{}, interact.Errorf(interact.CodeInvalid, "for_s: between %d and %d", least, most)
	}
	now := time.Now()
	codes, err := a.cfg.Desk.Links(name, body.Count, now.Add(time.Duration(life)*time.Second), now)
	if err != nil {
		return reply{}, err
	}
	page := pageOf(r, name)
	for i, code := range codes {
		codes[i] = page + "#link=" + url.QueryEscape(code)
	}
	return reply{status: http.StatusCreated, body: map[string]any{"links": codes}}, nil
}

// pageOf is the address of a channel's watch page, on the host that r asked.
func pageOf(r *http.Request, channel string) string {
	scheme := "http"
	if r.TLS != nil || r.URL.Scheme == "https" {
		scheme = "https"
	}
	return scheme + "://" + r.Host + "/watch/" + url.PathEscape(channel)
}

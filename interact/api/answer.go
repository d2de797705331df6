package api

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/admission"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

// maxAnswerID is the longest name of an answer, in bytes.
const maxAnswerID = 32

// answerBody is an answer as a client without a socket sends it.
type answerBody struct {
	ID     string        `json:"id"`
	Rev    int           `json:"rev"` // as on a socket: what the viewer saw
	Choice []int         `json:"choice"`
	At     clock.Instant `json:"at_us"`
}

// answer counts a viewer's answer (AP9).
func (a *API) answer(r *http.Request) (reply, error) {
	tok, ok := bearer(r)
	if !ok {
		return reply{}, errNoViewer
	}
	now := time.Now()
	if remote := remoteOf(r); !remote.IsLoopback() && !a.answering.allow(remote, addressPace, now) {
		return reply{}, interact.Errorf(interact.CodeTooMany, "Too many answers from this address. Wait a moment, then try again.")
	}
	var body answerBody
	if err := decode(r, &body); err != nil {
		return reply{}, err
	}
	received := a.cfg.Clock.At(time.Now())
	channel, room, err := a.roomOf(r.Context(), r.PathValue("id"))
	if err != nil {
		return reply{}, err
	}
	ticket, err := a.cfg.Desk.Identify(tok, channel, now)
	if err != nil {
		return reply{}, turnedAway(err)
	}
	if !a.answerers.allow(ticket.Participant, answerPace, now) {
		return reply{}, interact.Errorf(interact.CodeTooMany, "You are answering too fast. Wait a moment, then try again.")
	}
	if err := body.validate(); err != nil {
		return reply{}, unprocessable(err)
	}
	if a.cfg.Quota != nil {
		if err := a.cfg.Quota(channel); err != nil {
			return reply{}, err
		}
	}
	receipt, err := settled(r.Context(), room, interact.Answer{
		ID: body.ID, Cue: r.PathValue("id"), Participant: ticket.Participant, Choice: body.Choice,
		Stamp: instant(body.At, received), Received: received,
	})
	if err != nil {
		return reply{}, unprocessable(err)
	}
	return reply{status: http.StatusOK, body: wire.Receipt{
		ID: body.ID, Cue: receipt.Cue, Choice: receipt.Choice, Seq: receipt.Seq,
		At: receipt.Credited, Level: string(receipt.Level), Changes: receipt.Changes,
	}}, nil
}

var errNoViewer = &problem{http.StatusUnauthorized, interact.CodeDenied,
	"Send a viewer's token: Authorization: Bearer TOKEN. POST " + root + "/channels/CHANNEL/participants gives one."}

func (b answerBody) validate() error {
	switch {
	case !printable(b.ID, maxAnswerID):
		return interact.Errorf(interact.CodeInvalid, "id: 1 to %d printable characters", maxAnswerID)
	case len(b.Choice) == 0 || len(b.Choice) > interact.MaxOptions:
		return interact.Errorf(interact.CodeInvalid, "choice: between 1 and %d options", interact.MaxOptions)
	}
	for i, n := range b.Choice {
		if n < 0 || i > 0 && n <= b.Choice[i-1] {
			return interact.Errorf(interact.CodeInvalid, "choice: option numbers from 0, ascending, each once")
		}
	}
	return nil
}

// settled hands an answer to its room and waits for the verdict.
func settled(ctx context.Context, room Room, a interact.Answer) (interact.Receipt, error) {
	type verdict struct {
		receipt interact.Receipt
		err     error
	}
	told := make(chan verdict, 1)
	room.Answer(a, func(r interact.Receipt, err error) { told <- verdict{r, err} })
	select {
	case v := <-told:
		return v.receipt, v.err
	case <-ctx.Done(): // it may be counted all the same: a retry tells
		return interact.Receipt{}, context.Cause(ctx)
	}
}

// unprocessable gives answers that can never count a status of their own: 400
// is for what could not be read.
func unprocessable(err error) error {
	e, ok := errors.AsType[*interact.Error](err)
	if ok && (e.Code == interact.CodeInvalid || e.Code == interact.CodeUnknownOption) {
		return &problem{http.StatusUnprocessableEntity, e.Code, e.Message}
	}
	return err
}

// turnedAway turns the desk's refusal into an error of the API.
func turnedAway(err error) error {
	refusal, ok := errors.AsType[*admission.Refusal](err)
	if !ok {
		return err
	}
	message := capital(refusal.Reason)
	switch refusal.Code {
	case wire.CloseDenied:
		return &problem{http.StatusUnauthorized, interact.CodeDenied, message}
	case wire.ClosePIN, wire.CloseLink:
		return interact.Errorf(interact.CodeNotAdmitted, "%s", message)
	case wire.CloseBanned:
		return interact.Errorf(interact.CodeBanned, "%s", message)
	case wire.CloseBusy:
		return interact.Errorf(interact.CodeBusy, "%s", message)
	default:
		return err
	}
}

// capital makes a reason a sentence.
func capital(s string) string {
	if s != "" && 'a' <= s[0] && s[0] <= 'z' {
		s = string(s[0]-'a'+'A') + s[1:]
	}
	return s + "."
}

// instant bounds what a client says its clock showed: a value far from now
// counts as not said.
func instant(claimed, now clock.Instant) clock.Instant {
	const sane = 10 * time.Minute
	if d := claimed.Sub(now); d > sane || d < -sane {
		return 0
	}
	return claimed
}

func printable(s string, limit int) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) > 0 && len(s) <= limit
}

// maxPlaces is how many cues' channels are remembered.
const maxPlaces = 1024

// places remembers on which channel cues are: a cue never moves. The zero value
// remembers none. Safe for concurrent use.
type places struct {
	mu sync.Mutex // protects everything below
	of map[string]string
}

func (p *places) find(cue string) (channel string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	channel, ok = p.of[cue]
	return channel, ok
}

func (p *places) note(cue, channel string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil || len(p.of) >= maxPlaces {
		p.of = make(map[string]string)
	}
	p.of[cue] = channel
}

// roomOf returns the channel and room that have a cue.
func (a *API) roomOf(ctx context.Context, id string) (string, Room, error) {
	unknown := interact.Errorf(interact.CodeUnknownCue, "This question is not on air here.")
	if len(id) > maxCueID {
		return "", nil, unknown
	}
	if channel, ok := a.places.find(id); ok {
		room, ok := a.cfg.Rooms(channel)
		if !ok {
			return "", nil, unknown
		}
		return channel, room, nil
	}
	for _, c := range a.cfg.Channels() {
		room, ok := a.cfg.Rooms(c.Name)
		if !ok {
			continue
		}
		switch _, err := room.Tally(ctx, id); {
		case err == nil:
			a.places.note(id, c.Name)
			return c.Name, room, nil
		case interact.CodeOf(err) != interact.CodeUnknownCue:
			return "", nil, err
		}
	}
	return "", nil, unknown
}

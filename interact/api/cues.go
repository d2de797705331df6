package api

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

const maxCueID = 64 // bytes

func (a *API) cues(r *http.Request) (reply, error) {
	room, err := a.room(r)
	if err != nil {
		return reply{}, err
	}
	cues, tallies, err := room.Cues(r.Context())
	if err != nil {
		return reply{}, err
	}
	if cues == nil {
		cues = []wire.Cue{}
	}
	if tallies == nil {
		tallies = []wire.Tally{}
	}
	return reply{status: http.StatusOK, body: struct {
		Cues    []wire.Cue   `json:"cues"`
		Tallies []wire.Tally `json:"tallies"`
	}{cues, tallies}}, nil
}

func (a *API) prepare(r *http.Request) (reply, error) {
	room, err := a.room(r)
	if err != nil {
		return reply{}, err
	}
	q, err := question(r)
	if err != nil {
		return reply{}, err
	}
	cue, err := room.Prepare(r.Context(), q)
	return reply{status: http.StatusCreated, body: cue}, err
}

func (a *API) edit(r *http.Request) (reply, error) {
	room, id, err := a.cue(r)
	if err != nil {
		return reply{}, err
	}
	q, err := question(r)
	if err != nil {
		return reply{}, err
	}
	cue, err := room.Edit(r.Context(), id, q)
	return reply{status: http.StatusOK, body: cue}, err
}

func (a *API) remove(r *http.Request) (reply, error) {
	room, id, err := a.cue(r)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusNoContent}, room.Remove(r.Context(), id)
}

func (a *API) tally(r *http.Request) (reply, error) {
	room, id, err := a.cue(r)
	if err != nil {
		return reply{}, err
	}
	tally, err := room.Tally(r.Context(), id)
	return reply{status: http.StatusOK, body: tally}, err
}

// cue returns the room and cue that r's path names.
func (a *API) cue(r *http.Request) (Room, string, error) {
	room, err := a.room(r)
	if err != nil {
		return nil, "", err
	}
	id := r.PathValue("id")
	if len(id) > maxCueID {
		return nil, "", interact.Errorf(interact.CodeUnknownCue, "There is no such cue.")
	}
	return room, id, nil
}

// command is one of the actions on a cue that have no body.
type command func(room Room, ctx context.Context, id, idempotency string) (wire.Cue, error)

var commands = map[string]command{
	"take":   Room.Take,
	"close":  Room.CloseNow,
	"reveal": Room.Reveal,
	"cancel": Room.Cancel,
}

func (a *API) act(r *http.Request) (reply, error) {
	room, id, err := a.cue(r)
	if err != nil {
		return reply{}, err
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return reply{}, err
	}
	action := r.PathValue("action")
	if action == "extend" {
		return extend(room, r, id, key)
	}
	run := commands[action]
	if run == nil {
		return reply{}, notFound("A cue can take, extend, close, reveal and cancel.")
	}
	if err := noBody(r); err != nil {
		return reply{}, err
	}
	cue, err := run(room, r.Context(), id, key)
	return reply{status: http.StatusOK, body: cue}, err
}

func extend(room Room, r *http.Request, id, key string) (reply, error) {
	var body struct {
		By int64 `json:"by_ms"`
	}
	if err := decode(r, &body); err != nil {
		return reply{}, err
	}
	by, err := millis("by_ms", body.By)
	if err != nil {
		return reply{}, err
	}
	if by <= 0 || by > interact.MaxWindow {
		return reply{}, interact.Errorf(interact.CodeInvalid, "by_ms: between 1 and %d", interact.MaxWindow.Milliseconds())
	}
	cue, err := room.Extend(r.Context(), id, by, key)
	return reply{status: http.StatusOK, body: cue}, err
}

// noBody accepts an empty body and, from clients that always send one, {}.
func noBody(r *http.Request) error {
	first := make([]byte, 1)
	n, err := io.ReadFull(r.Body, first)
	if n == 0 && err == io.EOF {
		return nil
	}
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(first[:n]), r.Body))
	var nothing struct{}
	return decode(r, &nothing)
}

package api

import (
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

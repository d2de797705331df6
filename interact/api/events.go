package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// Events are what the API needs of the media of channels. All functions are
// needed and safe for concurrent use; the channel is one that Config.Rooms knows.
type Events struct {
	// End ends the event that is on air and returns when it ended, on R. Done
	// again, it returns the same.
	//
	// Errors: *interact.Error with CodeConflict if there is no event to end.
	End func(ctx context.Context, channel string) (clock.Instant, error)
	// Recordings returns what was recorded of a channel, in any order.
	Recordings func(ctx context.Context, channel string) ([]Recording, error)
	// Delete deletes a recording.
	//
	// Errors: ErrNoRecording, and *interact.Error with CodeConflict for one that
	// is being made.
	Delete func(ctx context.Context, channel, id string) error
}

// ErrNoRecording means that the channel has no recording of that ID.
var ErrNoRecording = errors.New("no such recording")

// Recording is one recording of a channel.
type Recording struct {
	ID       string
	Started  clock.Instant // of its first picture, on R
	Duration time.Duration // from there to its last
	Bytes    int64         // of its media
	Live     bool          // it is being made
	URL      string        // path of its multivariant playlist
}

type recordingBody struct {
	ID       string        `json:"id"`
	Started  clock.Instant `json:"started_at_us"`
	Duration int64         `json:"duration_ms"`
	Bytes    int64         `json:"bytes"`
	Live     bool          `json:"live"`
	URL      string        `json:"url"`
}

// known returns the name of the request's channel, for a producer who may use
// it (AP2).
func (a *API) known(r *http.Request) (string, error) {
	if _, err := a.room(r); err != nil {
		return "", err
	}
	return r.PathValue("channel"), nil
}

func (a *API) endEvent(r *http.Request) (reply, error) {
	name, err := a.known(r)
	if err != nil {
		return reply{}, err
	}
	if err := decodeIfAny(r, &struct{}{}); err != nil {
		return reply{}, err
	}
	at, err := a.cfg.Events.End(r.Context(), name)
	return reply{status: http.StatusOK, body: struct {
		Channel string        `json:"channel"`
		Ended   clock.Instant `json:"ended_at_us"`
	}{name, at}}, err
}

func (a *API) recordings(r *http.Request) (reply, error) {
	name, err := a.known(r)
	if err != nil {
		return reply{}, err
	}
	all, err := a.cfg.Events.Recordings(r.Context(), name)
	if err != nil {
		return reply{}, err
	}
	slices.SortFunc(all, func(a, b Recording) int { // newest first
		return cmp.Or(cmp.Compare(b.Started, a.Started), cmp.Compare(b.ID, a.ID))
	})
	list := make([]recordingBody, len(all))
	for i, rec := range all {
		list[i] = recordingBody{rec.ID, rec.Started, rec.Duration.Milliseconds(), rec.Bytes, rec.Live, rec.URL}
	}
	return reply{status: http.StatusOK, body: map[string]any{"recordings": list}}, nil
}

func (a *API) deleteRecording(r *http.Request) (reply, error) {
	name, err := a.known(r)
	if err != nil {
		return reply{}, err
	}
	err = a.cfg.Events.Delete(r.Context(), name, r.PathValue("id"))
	if errors.Is(err, ErrNoRecording) {
		return reply{}, notFound("There is no such recording of this channel.")
	}
	return reply{status: http.StatusNoContent}, err
}

// complete reports whether all functions are there.
func (e Events) complete() bool { return e.End != nil && e.Recordings != nil && e.Delete != nil }

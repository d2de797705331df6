package api

import (
	"net/http"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
)

const maxKeyID = 64 // bytes

func (a *API) setLatency(r *http.Request) (reply, error) {
	room, err := a.room(r)
	if err != nil {
		return reply{}, err
	}
	var body struct {
		Latency int64 `json:"latency_ms"`
	}
	if err := decode(r, &body); err != nil {
		return reply{}, err
	}
	latency, err := millis("latency_ms", body.Latency)
	if err != nil {
		return reply{}, err
	}
	at, err := room.SetLatency(r.Context(), latency)
	return reply{status: http.StatusOK, body: struct {
		Latency int64         `json:"latency_ms"`
		At      clock.Instant `json:"at_us"`
	}{latency.Milliseconds(), at}}, err
}

// key is for viewers whose socket is down: no sign-in, and caches may keep what
// is out (AP8).
func (a *API) key(r *http.Request) (reply, error) {
	header := map[string]string{"Access-Control-Allow-Origin": "*"}
	kid := r.PathValue("kid")
	room, ok := a.cfg.Rooms(r.PathValue("channel"))
	if !ok || len(kid) > maxKeyID {
		return reply{header: header}, interact.Errorf(interact.CodeUnknown, "There is no such key here.")
	}
	key, err := room.Key(kid)
	if err != nil {
		return reply{header: header}, err
	}
	header["Cache-Control"] = "public, max-age=600, immutable"
	return reply{status: http.StatusOK, header: header, body: struct {
		KeyID string        `json:"kid"`
		Key   string        `json:"key"`
		Open  clock.Instant `json:"o_us"`
	}{kid, key.Key, key.Open}}, nil
}

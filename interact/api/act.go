package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

// order is a command on a cue.
type order struct {
	ctx     context.Context
	room    Room
	id, key string
	r       *http.Request
}

// actions are the commands on a cue.
var actions = map[string]func(order) (wire.Cue, error){
	"take":   take,
	"move":   move,
	"extend": extend,
	"pause":  bare(Room.Pause),
	"resume": bare(Room.Resume),
	"close":  bare(Room.CloseNow),
	"reveal": reveal,
	"cancel": bare(Room.Cancel),
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
	run := actions[r.PathValue("action")]
	if run == nil {
		return reply{}, notFound("A cue can take, move, extend, pause, resume, close, reveal and cancel.")
	}
	cue, err := run(order{r.Context(), room, id, key, r})
	return reply{status: http.StatusOK, body: cue}, err
}

// bare is a command that takes nothing with it.
func bare(run func(room Room, ctx context.Context, id, key string) (wire.Cue, error)) func(order) (wire.Cue, error) {
	return func(o order) (wire.Cue, error) {
		var nothing struct{}
		if err := decodeIfAny(o.r, &nothing); err != nil {
			return wire.Cue{}, err
		}
		return run(o.room, o.ctx, o.id, o.key)
	}
}

func take(o order) (wire.Cue, error) {
	var body struct {
		At     clock.Instant `json:"at_us"`
		Open   clock.Instant `json:"open_us"`
		Anyway bool          `json:"anyway"`
	}
	if err := decodeIfAny(o.r, &body); err != nil {
		return wire.Cue{}, err
	}
	// Instants are added to later: the whole range of 64 bits would overflow.
	for name, at := range map[string]clock.Instant{"at_us": body.At, "open_us": body.Open} {
		if at < 0 || at > 1<<53 {
			return wire.Cue{}, interact.Errorf(interact.CodeInvalid, "%s: %d is not an instant on the room clock", name, int64(at))
		}
	}
	if body.At != 0 && body.Open != 0 {
		return wire.Cue{}, interact.Errorf(interact.CodeInvalid, "Give at_us or open_us, not both.")
	}
	return o.room.TakeAt(o.ctx, o.id, interact.Spot{At: body.At, Open: body.Open, Anyway: body.Anyway}, o.key)
}

func move(o order) (wire.Cue, error) {
	var body struct {
		By int64 `json:"by_ms"`
	}
	if err := decode(o.r, &body); err != nil {
		return wire.Cue{}, err
	}
	if limit := cue.MaxAhead.Milliseconds(); body.By == 0 || body.By < -limit || body.By > limit {
		return wire.Cue{}, interact.Errorf(interact.CodeInvalid, "by_ms: between −%d and %d, and not 0", limit, limit)
	}
	return o.room.Move(o.ctx, o.id, time.Duration(body.By)*time.Millisecond, o.key)
}

func extend(o order) (wire.Cue, error) {
	var body struct {
		By int64 `json:"by_ms"`
	}
	if err := decode(o.r, &body); err != nil {
		return wire.Cue{}, err
	}
	by, err := millis("by_ms", body.By)
	if err != nil {
		return wire.Cue{}, err
	}
	if by <= 0 || by > interact.MaxWindow {
		return wire.Cue{}, interact.Errorf(interact.CodeInvalid, "by_ms: between 1 and %d", interact.MaxWindow.Milliseconds())
	}
	return o.room.Extend(o.ctx, o.id, by, o.key)
}

func reveal(o order) (wire.Cue, error) {
	var body struct {
		When string `json:"when"`
	}
	if err := decodeIfAny(o.r, &body); err != nil {
		return wire.Cue{}, err
	}
	switch body.When {
	case "", "now":
		return o.room.Reveal(o.ctx, o.id, o.key)
	case "clear":
		return o.room.RevealWhenClear(o.ctx, o.id, o.key)
	default:
		return wire.Cue{}, interact.Errorf(interact.CodeInvalid, "when: %.20q is neither now nor clear", body.When)
	}
}

// decodeIfAny is decode for a body that may be missing.
func decodeIfAny(r *http.Request, v any) error {
	err := decode(r, v)
	if errors.Is(err, errNoBody) {
		return nil
	}
	return err
}

// errNoBody stands for a body of no bytes.
var errNoBody = interact.Errorf(interact.CodeInvalid, "The body ends before its JSON does.")

package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/cue"
)

const (
	maxBody = 64 << 10 // bytes
	maxKey  = 64       // bytes of an idempotency key
	// maxMillis keeps milliseconds from overflowing a time.Duration; the rules
	// of interact are far below.
	maxMillis = int64(24 * time.Hour / time.Millisecond)
)

// decode reads the request's body into v (AP3).
func decode(r *http.Request, v any) error {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		if err == io.EOF { // not even a space
			return errNoBody
		}
		return badBody(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return interact.Errorf(interact.CodeInvalid, "The body holds more than one JSON value.")
	}
	return nil
}

func badBody(err error) error {
	if tooLong, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &problem{http.StatusRequestEntityTooLarge, interact.CodeInvalid,
			fmt.Sprintf("The body is longer than %d bytes.", tooLong.Limit)}
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return interact.Errorf(interact.CodeInvalid, "%s: a JSON %s does not fit here.", fieldName(wrong.Field), wrong.Value)
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return interact.Errorf(interact.CodeInvalid, "The body is not JSON: at byte %d, %v.", syntax.Offset, syntax)
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return interact.Errorf(interact.CodeInvalid, "There is no field %s here.", field)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return interact.Errorf(interact.CodeInvalid, "The body ends before its JSON does.")
	}
	return interact.Errorf(interact.CodeInvalid, "The body did not arrive whole.")
}

func fieldName(name string) string {
	if name == "" {
		return "body"
	}
	return name
}

// questionBody is a question as a producer writes it.
type questionBody struct {
	Kind    string   `json:"kind"`
	Title   string   `json:"title"`
	Options []string `json:"options"`
	Correct *int     `json:"correct"`
	Results string   `json:"results"`
	Window  int64    `json:"window_ms"`
	Policy  string   `json:"policy"`
	Slot    string   `json:"slot"`
	MaxLag  int64    `json:"max_lag_ms"`
	Changes bool     `json:"changes"`
}

// question reads a question and applies the rules for it.
func question(r *http.Request) (interact.Question, error) {
	var b questionBody
	if err := decode(r, &b); err != nil {
		return interact.Question{}, err
	}
	window, err := millis("window_ms", b.Window)
	if err != nil {
		return interact.Question{}, err
	}
	q := interact.Question{
		Kind: interact.Kind(b.Kind), Title: b.Title, Options: b.Options, Correct: -1,
		Results: interact.Results(b.Results), Window: window, Policy: cue.Policy(b.Policy), Slot: b.Slot,
		Changes: b.Changes,
	}
	if q.MaxLag, err = millis("max_lag_ms", b.MaxLag); err != nil {
		return interact.Question{}, err
	}
	if b.Correct != nil {
		q.Correct = *b.Correct
	}
	q = q.WithDefaults()
	if err := q.Validate(); err != nil {
		return interact.Question{}, interact.Errorf(interact.CodeInvalid, "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return q, nil
}

func millis(field string, n int64) (time.Duration, error) {
	if n < 0 || n > maxMillis {
		return 0, interact.Errorf(interact.CodeInvalid, "%s: %d is not a time in milliseconds that makes sense here", field, n)
	}
	return time.Duration(n) * time.Millisecond, nil
}

// idempotencyKey returns the request's key, "" if it has none.
func idempotencyKey(r *http.Request) (string, error) {
	key := r.Header.Get("Idempotency-Key")
	if len(key) > maxKey {
		return "", interact.Errorf(interact.CodeInvalid, "Idempotency-Key: at most %d characters", maxKey)
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return "", interact.Errorf(interact.CodeInvalid, "Idempotency-Key: printable characters without spaces only")
		}
	}
	return key, nil
}

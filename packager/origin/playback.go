package origin

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/cuelight/cuelight/packager"
)

// Playback protects channels. A viewer of a protected channel shows a token
// for the multivariant playlist, once. That playlist names the media under a
// path that nobody can guess and that is the same for all viewers, so caches
// carry everything below it as they do on a public channel.
//
// The path of a moment is valid for Valid from the beginning of its period of
// Rotate. Who begins to watch can go on for at least Valid − Rotate, and who
// was given the path by somebody else for at most Valid.
type Playback struct {
	// Protected reports whether a channel is. Nil: none is. Safe for concurrent
	// use.
	Protected func(channel string) bool
	// Check says whether a token lets its bearer play the channel now. Safe for
	// concurrent use. Needed with Protected.
	//
	// Errors: ErrOtherChannel, or why the token is not valid, in words for the
	// viewer and without any part of the token.
	Check func(tok, channel string, now time.Time) error
	// Key makes the paths: 32 bytes or more that stay secret, the same after a
	// restart and on every server that serves the channel. Needed with Protected.
	Key []byte
	// Rotate is how often there is a new path. Whole seconds, at least 1m.
	// Default 1h. A change of it ends all paths.
	Rotate time.Duration
	// Valid is how long a path can be used. A multiple of Rotate, from 2 to 1000.
	// Default 12h, or 2 × Rotate if that is more.
	Valid time.Duration
}

// ErrOtherChannel means a valid token that is not for the channel.
var ErrOtherChannel = errors.New("the token is for other channels")

// Limits of the configuration.
const (
	minKey     = 32 // bytes
	minRotate  = time.Minute
	maxPeriods = 1000 // valid at once
)

// Validate reports every setting that cannot be used.
func (p Playback) Validate() error {
	p = p.withDefaults()
	var errs []error
	if p.Protected != nil && p.Check == nil {
		errs = append(errs, errors.New("playback: nobody checks tokens"))
	}
	if p.Protected != nil && len(p.Key) < minKey {
		errs = append(errs, fmt.Errorf("playback: a key of at least %d bytes is needed", minKey))
	}
	if p.Rotate < minRotate || p.Rotate%time.Second != 0 {
		return errors.Join(append(errs, fmt.Errorf("playback.rotate: %v is not a whole number of seconds from %v", p.Rotate, minRotate))...)
	}
	if n := p.Valid / p.Rotate; p.Valid%p.Rotate != 0 || n < 2 || n > maxPeriods {
		errs = append(errs, fmt.Errorf("playback.valid: %v is not a multiple of playback.rotate, %v, from 2 to %d", p.Valid, p.Rotate, maxPeriods))
	}
	return errors.Join(errs...)
}

func (p Playback) withDefaults() Playback {
	if p.Rotate == 0 {
		p.Rotate = time.Hour
	}
	if p.Valid == 0 {
		p.Valid = max(12*time.Hour/max(p.Rotate, 1)*p.Rotate, 2*p.Rotate)
	}
	return p
}

// Admit reports whether a request below /hls/ is let in, and answers it if not,
// as ServeHTTP does: for a server that gets the channel's media from another one
// and has the same Playback.
func (o *Origin) Admit(w http.ResponseWriter, r *http.Request) bool {
	at, ok := parseAddress(r.URL.Path)
	if !ok || !at.known {
		o.refuse(w, http.StatusNotFound, unknownAge, "no such file")
		return false
	}
	return o.admit(w, r, at, o.protects(at.channel))
}

func (o *Origin) protects(channel string) bool { return o.guard != nil && o.guard.protected(channel) }

// admit lets in who may play, and answers everybody else itself (A1–A5).
func (o *Origin) admit(w http.ResponseWriter, r *http.Request, at address, protected bool) bool {
	if !protected {
		if at.secret != "" {
			o.refuse(w, http.StatusNotFound, unknownAge, "no such file")
		}
		return at.secret == ""
	}
	ok := false
	if at.name.Kind == packager.NameIndex {
		ok = at.secret == "" && o.checkToken(w, r, at.channel)
		if at.secret != "" {
			o.refuse(w, http.StatusNotFound, unknownAge, "no such file")
		}
	} else {
		ok = o.checkPath(w, at)
	}
	if !ok {
		o.denied.Add(1)
	}
	return ok
}

func (o *Origin) checkPath(w http.ResponseWriter, at address) bool {
	switch o.guard.judge(at.channel, at.secret, time.Now()) {
	case pathValid:
		return true
	case pathOver:
		o.refuse(w, http.StatusGone, unknownAge, "this address is too old; load the channel's index.m3u8 again")
	default:
		o.refuse(w, http.StatusNotFound, unknownAge, "no such file; begin with the channel's index.m3u8 and a token")
	}
	return false
}

var (
	bearer       = []string{`Bearer realm="playback"`}
	bearerFailed = []string{`Bearer realm="playback", error="invalid_token"`}
	mineAlone    = []string{"private, no-store"}
)

// checkToken answers depend on who asks, so no cache may keep them.
func (o *Origin) checkToken(w http.ResponseWriter, r *http.Request, channel string) bool {
	tok := tokenOf(r)
	if tok == "" {
		w.Header()["Www-Authenticate"] = bearer
		o.turnAway(w, http.StatusUnauthorized, "this channel needs a token: index.m3u8?token=TOKEN, or Authorization: Bearer TOKEN")
		return false
	}
	switch err := o.guard.check(tok, channel, time.Now()); {
	case err == nil:
		return true
	case errors.Is(err, ErrOtherChannel):
		o.turnAway(w, http.StatusForbidden, err.Error())
	default:
		w.Header()["Www-Authenticate"] = bearerFailed
		o.turnAway(w, http.StatusUnauthorized, err.Error())
	}
	return false
}

// tokenOf returns the token that came with the request, "" if there is none. A
// token has no characters that queries escape.
func tokenOf(r *http.Request) string {
	if scheme, tok, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(tok)
	}
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if tok, ok := strings.CutPrefix(pair, "token="); ok {
			return tok
		}
	}
	return ""
}

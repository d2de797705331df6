package gateway

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/cue"
)

// When a viewer is told what its line is like.
const (
	// graceLife is how long a token is good for; it is replaced when half of
	// that is over.
	graceLife = 10 * time.Minute
	// graceEvery is the least time between two tokens, graceStep the change of
	// the grace that is worth one.
	graceEvery = 30 * time.Second
	graceStep  = 20 * time.Millisecond
)

// Layout of a grace token: base64url of
//
//	u8 version=1, u32 expires (Unix seconds), u32 shortest round trip (µs),
//	u32 jitter (µs), 16 bytes of HMAC-SHA-256
//
// where what is signed goes on with channel, zero byte and participant. They
// are not inside: whoever shows a token has said who it is.
const (
	graceVersion = 1
	graceBody    = 1 + 3*4
	graceMAC     = 16
	graceLength  = graceBody + graceMAC
	graceKeySize = 32 // bytes, at least
)

// errGrace means a token that gives nothing: damaged, expired, or of another
// viewer, channel or server.
var errGrace = errors.New("not a valid grace token")

// measurement is what the server has measured of a line.
type measurement struct {
	rttMin, jitter time.Duration
}

func (m measurement) grace() time.Duration {
	return cue.Attempt{RTTMin: m.rttMin, Jitter: m.jitter}.Grace()
}

// graces makes and checks grace tokens.
type graces struct{ key []byte }

// newGraces takes a key of the server, or a random one: its tokens are then
// good until the process ends.
func newGraces(key []byte) graces {
	if len(key) == 0 {
		key = make([]byte, graceKeySize)
		rand.Read(key) // it never fails
	}
	return graces{key}
}

// mint signs what was measured of a participant's line to a channel.
func (g graces) mint(channel, participant string, m measurement, expires time.Time) string {
	body := make([]byte, 0, graceLength)
	body = append(body, graceVersion)
	body = binary.BigEndian.AppendUint32(body, uint32(expires.Unix()))
	body = binary.BigEndian.AppendUint32(body, micros32(m.rttMin))
	body = binary.BigEndian.AppendUint32(body, micros32(m.jitter))
	return base64.RawURLEncoding.EncodeToString(append(body, g.sign(body, channel, participant)...))
}

func micros32(d time.Duration) uint32 {
	return uint32(min(max(d.Microseconds(), 0), math.MaxUint32))
}

func (g graces) sign(body []byte, channel, participant string) []byte {
	mac := hmac.New(sha256.New, g.key)
	mac.Write(body)
	mac.Write([]byte(channel + "\x00" + participant))
	return mac.Sum(nil)[:graceMAC]
}

// verify returns what a token says. Errors: errGrace.
func (g graces) verify(tok, channel, participant string, now time.Time) (measurement, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(tok)
	if err != nil || len(raw) != graceLength || raw[0] != graceVersion {
		return measurement{}, errGrace
	}
	body := raw[:graceBody]
	if !hmac.Equal(raw[graceBody:], g.sign(body, channel, participant)) {
		return measurement{}, errGrace
	}
	if expires := time.Unix(int64(binary.BigEndian.Uint32(body[1:])), 0); !now.Before(expires) {
		return measurement{}, errGrace
	}
	micros := func(at int) time.Duration {
		return time.Duration(binary.BigEndian.Uint32(body[at:])) * time.Microsecond
	}
	return measurement{rttMin: micros(5), jitter: micros(9)}, nil
}

// graceDueLocked says whether a viewer has to hear of its line now. The caller
// holds c.mu.
func (c *conn) graceDueLocked(now moment) bool {
	if c.producer || c.line.seen < burstPings {
		return false
	}
	grace := c.line.measured.grace()
	since := now.sub(c.graceAt)
	changed := (grace - c.graceTold).Abs() > graceStep
	return c.graceAt == 0 || since >= graceEvery && (changed || since >= graceLife/2)
}

// graceLocked makes the message that tells a viewer of its line. Whoever writes
// it makes it: signing takes more of a stack than reading does. The caller
// holds c.mu.
func (c *conn) graceLocked(now time.Time) *wire.Grace {
	m := c.line.measured
	c.graceAt, c.graceTold = c.g.moment(now), m.grace()
	expires := now.Add(graceLife).Truncate(time.Second)
	return &wire.Grace{
		Token: c.g.graces.mint(c.hall.name, c.participant, m, expires),
		Until: c.g.cfg.Clock.At(now).Add(expires.Sub(now)),
	}
}

// lineLocked is what is known of the line: by this connection, or until that
// has measured it, by the token it came with. The caller holds c.mu.
func (c *conn) lineLocked() measurement {
	if c.line.seen < burstPings {
		own := c.line.measure()
		return measurement{max(own.rttMin, c.inherited.rttMin), max(own.jitter, c.inherited.jitter)}
	}
	return c.line.measure()
}

// inherit takes over what another connection of this viewer measured.
func (c *conn) inherit(hello *wire.Hello, now time.Time) {
	if c.producer || hello.Grace == "" {
		return
	}
	m, err := c.g.graces.verify(hello.Grace, hello.Channel, c.participant, now)
	if err != nil {
		c.g.counted.badGrace.Add(1)
		return
	}
	c.g.counted.goodGrace.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inherited = m
}

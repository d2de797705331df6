package origin

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cuelight/cuelight/packager"
)

// A secret is eight hexadecimal digits of its period and 32 of an HMAC over
// channel and period.
const (
	periodDigits = 8
	macBytes     = 16
	secretSize   = periodDigits + 2*macBytes
)

// guard keeps the secrets of protected channels.
type guard struct {
	protected func(channel string) bool
	check     func(tok, channel string, now time.Time) error
	key       []byte
	rotate    int64 // seconds
	periods   int64 // how many are valid

	channels sync.Map // name → *door
}

// door is one channel's secrets and its multivariant playlist with them.
type door struct {
	valid atomic.Pointer[validSecrets]
	offer atomic.Pointer[offer]
}

// validSecrets are those that open the door during a period. The last is the
// one of the next period: another server's clock may be ahead.
type validSecrets struct {
	period int64 // the present one
	oldest int64
	texts  [][secretSize]byte
}

// current is the secret to give out.
func (v *validSecrets) current() string { return string(v.texts[v.period-v.oldest][:]) }

// offer is a multivariant playlist whose names lie under a secret.
type offer struct {
	view   *packager.View
	period int64
	text   packager.Text
}

func newGuard(p Playback) *guard {
	return &guard{
		protected: p.Protected, check: p.Check, key: bytes.Clone(p.Key),
		rotate: int64(p.Rotate / time.Second), periods: int64(p.Valid / p.Rotate),
	}
}

// door returns the channel's. Callers have checked that the channel exists, so
// there are few.
func (g *guard) door(channel string) *door {
	if d, ok := g.channels.Load(channel); ok {
		return d.(*door)
	}
	d, _ := g.channels.LoadOrStore(channel, new(door))
	return d.(*door)
}

// secrets returns those that are valid now.
func (g *guard) secrets(d *door, channel string, now time.Time) *validSecrets {
	period := now.Unix() / g.rotate
	if v := d.valid.Load(); v != nil && v.period == period {
		return v
	}
	v := &validSecrets{period: period, oldest: period - g.periods + 1}
	for p := v.oldest; p <= period+1; p++ {
		v.texts = append(v.texts, g.secret(channel, p))
	}
	d.valid.Store(v)
	return v
}

// secret makes the one of a period.
func (g *guard) secret(channel string, period int64) (text [secretSize]byte) {
	mac := hmac.New(sha256.New, g.key)
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], uint64(period))
	mac.Write(number[:])
	mac.Write([]byte(channel)) // a hash refuses nothing
	var sum [sha256.Size]byte
	hex.Encode(text[periodDigits:], mac.Sum(sum[:0])[:macBytes])
	hex.Encode(text[:periodDigits], number[4:])
	return text
}

// verdict is what a path is good for.
type verdict uint8

const (
	pathWrong verdict = iota
	pathValid
	pathOver // it was valid once
)

// judge compares in constant time, whatever the secret: which digit is wrong
// stays unknown.
func (g *guard) judge(channel, secret string, now time.Time) verdict {
	var given [secretSize]byte
	if len(secret) != secretSize {
		return pathWrong
	}
	copy(given[:], secret)
	number, err := strconv.ParseUint(secret[:periodDigits], 16, 32)
	if err != nil {
		return pathWrong
	}
	period := int64(number)
	v := g.secrets(g.door(channel), channel, now)
	if period < v.oldest {
		if old := g.secret(channel, period); subtle.ConstantTimeCompare(given[:], old[:]) == 1 {
			return pathOver
		}
		return pathWrong
	}
	if i := period - v.oldest; i < int64(len(v.texts)) && subtle.ConstantTimeCompare(given[:], v.texts[i][:]) == 1 {
		return pathValid
	}
	return pathWrong
}

// multivariant returns the view's multivariant playlist with the names under
// the secret of the moment. It is made once for all viewers.
func (g *guard) multivariant(channel string, view *packager.View, now time.Time) *packager.Text {
	d := g.door(channel)
	v := g.secrets(d, channel, now)
	if o := d.offer.Load(); o != nil && o.view == view && o.period == v.period {
		return &o.text
	}
	plain := under(v.current(), view.Multivariant.Plain.Bytes)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(plain) // a bytes.Buffer refuses nothing
	z.Close()
	o := &offer{view: view, period: v.period, text: packager.Text{Plain: blob(plain), Gzip: blob(zipped.Bytes())}}
	d.offer.Store(o)
	return &o.text
}

// blob has no ETag: nobody keeps it.
func blob(b []byte) packager.Blob {
	return packager.Blob{Bytes: b, Length: []string{strconv.Itoa(len(b))}}
}

// under puts the relative names of a multivariant playlist into a folder. They
// stand on lines of their own, and in the attribute URI of tags.
// Spec: rfc8216bis §4.4.6.
func under(folder string, playlist []byte) []byte {
	out := make([]byte, 0, len(playlist)+8*(len(folder)+1))
	for line := range bytes.Lines(playlist) {
		const attribute = `URI="`
		at := 0
		if line[0] == '#' {
			at = bytes.Index(line, []byte(attribute)) + len(attribute)
		}
		if at < len(attribute) && line[0] == '#' || len(bytes.TrimSpace(line)) == 0 {
			out = append(out, line...)
			continue
		}
		out = append(out, line[:at]...)
		out = append(out, folder...)
		out = append(out, '/')
		out = append(out, line[at:]...)
	}
	return out
}

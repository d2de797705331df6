package admission

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
)

// Limits of links.
const (
	// MaxLinks is how many are made at once.
	MaxLinks = 1000
	// MaxLinkLife is how long one may wait for its first use.
	MaxLinkLife = 365 * 24 * time.Hour
	// bindWait is how long the log may take to make a link somebody's.
	bindWait = 4 * time.Second
)

// Layout of a link's code: base64url of
//
//	u8 version=1, u32 expires (Unix seconds), u64 number, 14 bytes of HMAC
//
// where what is signed begins with the channel, which is not inside. Numbers
// are random, so no link tells how many there are.
const (
	linkVersion = 1
	linkBody    = 1 + 4 + 8
	linkMAC     = 14
	linkLength  = linkBody + linkMAC
)

// A device may add a dot and a word of its own to the code, to be recognised
// when the network broke between its first use and the answer. It makes the
// word up once, at random, and tells nobody.
const (
	minDevice = 8
	maxDevice = wire.MaxLink - 36 - 1 // beside a code of 36 characters and the dot
)

// Links makes codes for n new one-time links to the channel, each to be used
// first before expires. They are not kept: what is used up is in the log.
//
// Errors: a number of links, or an end, that makes no sense.
func (d *Desk) Links(channel string, n int, expires, now time.Time) ([]string, error) {
	if d.cfg.Bind == nil {
		return nil, fmt.Errorf("make links of %s: there is no log to keep them", channel)
	}
	if n < 1 || n > MaxLinks {
		return nil, fmt.Errorf("make links of %s: %d are not between 1 and %d", channel, n, MaxLinks)
	}
	if life := expires.Sub(now); life < time.Second || life > MaxLinkLife {
		return nil, fmt.Errorf("make links of %s: %v is not between a second and %v", channel, life, MaxLinkLife)
	}
	codes := make([]string, n)
	for i := range codes {
		codes[i] = d.linkCode(channel, expires)
	}
	return codes, nil
}

func (d *Desk) linkCode(channel string, expires time.Time) string {
	body := make([]byte, 0, linkLength)
	body = append(body, linkVersion)
	body = binary.BigEndian.AppendUint32(body, uint32(expires.Unix()))
	var number [8]byte
	rand.Read(number[:]) // it never fails
	body = append(body, number[:]...)
	return base64.RawURLEncoding.EncodeToString(append(body, d.linkSignature(channel, body)...))
}

func (d *Desk) linkSignature(channel string, body []byte) []byte {
	return token.Sum(d.links, channel, string(body))[:linkMAC]
}

// link is a genuine code, taken apart.
type link struct {
	number  string // 11 characters
	expires time.Time
	device  string // what the device calls itself; may be empty
}

// readLink returns what a code says. Errors: errBadLink.
func (d *Desk) readLink(text, channel string) (link, error) {
	code, device, named := strings.Cut(text, ".")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(code)
	if err != nil || len(raw) != linkLength || raw[0] != linkVersion {
		return link{}, errBadLink
	}
	if named && (len(device) < minDevice || !printable(device, maxDevice)) {
		return link{}, errBadLink
	}
	body := raw[:linkBody]
	if !hmac.Equal(raw[linkBody:], d.linkSignature(channel, body)) {
		return link{}, errBadLink
	}
	return link{
		number:  base64.RawURLEncoding.EncodeToString(body[5:]),
		expires: time.Unix(int64(binary.BigEndian.Uint32(body[1:])), 0),
		device:  device,
	}, nil
}

// useLink makes the link the visitor's, if it is nobody else's.
func (d *Desk) useLink(who *visitor, text, channel string, now time.Time) error {
	if d.cfg.Bind == nil {
		return errNoLinks
	}
	l, err := d.readLink(text, channel)
	if err != nil {
		return err
	}
	held, has := linkOf(who.claims.Proof, channel)
	has = has && who.grade == wire.GradeLink
	if has && held == l.number {
		return nil // its own, seen before
	}
	if who.grade == wire.GradeAccount {
		return nil // known better than by any link, which stays unused
	}
	if !now.Before(l.expires) {
		return errOldLink
	}
	if who.claims.Subject == "" || has { // a second link on one device is a second person's
		*who = visitor{claims: token.Claims{Role: token.RoleViewer, Subject: d.linkHolder(l)}}
	}
	if err := d.bind(channel, l.number, who.claims.Subject); err != nil {
		return err
	}
	who.raise(wire.GradeLink, linkMark(channel, l.number))
	return nil
}

// linkHolder is who a device without a token becomes: the same one each time,
// if it told what it calls itself.
func (d *Desk) linkHolder(l link) string {
	if l.device == "" {
		return token.NewParticipant()
	}
	return token.ParticipantOf(d.identities, wire.GradeLink, l.number, l.device)
}

func (d *Desk) bind(channel, number, participant string) error {
	ctx, cancel := context.WithTimeout(context.Background(), bindWait)
	defer cancel()
	owner, err := d.cfg.Bind(ctx, channel, number, participant)
	if err != nil {
		refusal := refusalOf(err)
		if refusal == errInternal {
			d.cfg.Log.Error("link not bound", "channel", channel, "err", err)
		}
		return refusal
	}
	if owner != participant {
		return errUsedLink
	}
	return nil
}

// linkMark is what a token says of the link it was given for.
func linkMark(channel, number string) string { return channel + "/" + number }

// linkOf returns the number of the link that a token was given for, if that
// was one to this channel.
func linkOf(proof, channel string) (number string, ok bool) {
	number, ok = strings.CutPrefix(proof, channel+"/")
	return number, ok && number != ""
}

package admission

import (
	"crypto/hmac"
	"crypto/subtle"
	"encoding/base64"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
)

// usePIN raises the visitor who typed the channel's PIN. Proofs are compared
// and not PINs: they are all of one length, and no run of equal beginnings
// tells anything of the PIN.
func (d *Desk) usePIN(at *door, who *visitor, pin, channel string) error {
	if at.pin == nil {
		return nil // a PIN nobody asked for says nothing
	}
	if len(pin) > wire.MaxPIN || !hmac.Equal(at.pin, d.pinProof(channel, pin)) {
		return errWrongPIN
	}
	who.raise(wire.GradePIN, pinMark(channel, at.pin))
	return nil
}

// pinProof tells that the PIN is known, and not which one it is.
func (d *Desk) pinProof(channel, pin string) []byte {
	return token.Sum(d.proofs, wire.GradePIN, channel, pin)
}

// pinMark is what a token says of the PIN. Another PIN is another mark, so
// whoever knew the one before is asked again.
func pinMark(channel string, proof []byte) string { return mark(channel, proof) }

// accountMark is what a token says of the site that its holder signed in at.
func (d *Desk) accountMark(channel, issuer string) string {
	return mark(channel, token.Sum(d.proofs, wire.GradeAccount, channel, issuer))
}

// mark names a channel and what a grade was earned with on it.
func mark(channel string, proof []byte) string {
	return channel + "/" + base64.RawURLEncoding.EncodeToString(proof[:15])
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

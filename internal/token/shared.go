package token

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
)

// MinShared is the shortest text that Shared takes, in bytes.
const MinShared = 32

// Shared returns the Keys that belong to a text which several servers have: the
// same text gives the same Keys everywhere, so each takes the others' tokens.
// The text is to be random; it is not stored.
//
// Errors: a text shorter than MinShared.
func Shared(text string) (*Keys, error) {
	if len(text) < MinShared {
		return nil, fmt.Errorf("shared secret of %d characters can be guessed: give at least %d random ones", len(text), MinShared)
	}
	secret, err := hkdf.Key(sha256.New, []byte(text), nil, "cuelight tokens", secretSize)
	if err != nil {
		return nil, fmt.Errorf("derive the signing secret: %w", err)
	}
	return &Keys{secret: secret}, nil
}

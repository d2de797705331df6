package main

import (
	"encoding/base32"
	"fmt"
	"strings"

	"github.com/cuelight/cuelight/internal/token"
)

// minSecret is the shortest secret that servers may share, in characters.
const minSecret = token.MinShared

// shared reports whether tokens and keys come from a secret in the settings,
// and not from one that this server made for itself.
func (s settings) shared() bool { return s.Secret != "" || s.SecretFile != "" }

// openKeys returns what tokens are signed with.
func (s settings) openKeys() (*token.Keys, error) {
	if !s.shared() {
		return token.Open(s.Data)
	}
	text := string(s.Secret)
	if s.SecretFile != "" {
		var err error
		if text, err = readSecret(s.SecretFile); err != nil {
			return nil, fmt.Errorf("secret_file: %w", err)
		}
	}
	keys, err := token.Shared(text)
	if err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	return keys, nil
}

// sharedStreamKey is the stream key of a channel on every server that has the
// same secret.
func (s settings) sharedStreamKey(channel string) (string, error) {
	keys, err := s.openKeys()
	if err != nil {
		return "", err
	}
	key, err := keys.Derive("stream keys")
	if err != nil {
		return "", err
	}
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(token.Sum(key, channel)[:16])
	return strings.ToLower(text), nil
}

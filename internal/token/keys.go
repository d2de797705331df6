package token

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

const (
	secretFile = "secret.key"
	secretSize = 32 // bytes, as long as the hash: RFC 7518 §3.2
)

// Keys signs and checks tokens with one secret. It is immutable and safe for
// concurrent use, and hides the secret from fmt and slog.
type Keys struct {
	secret []byte
}

// Open loads the secret of the folder, and makes folder and secret if there is
// none. Programs that open one folder at the same time get the same secret.
//
// Errors: a secret that is not 64 hex digits; a secret that others on the
// machine may read; anything the file system says.
func Open(dir string) (*Keys, error) {
	path := filepath.Join(dir, secretFile)
	keys, err := load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	if err := create(dir, path); err != nil {
		return nil, err
	}
	return load(path)
}

func load(path string) (*Keys, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("signing secret: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("signing secret %s: mode %04o lets others read it; chmod 600 it", path, mode)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("signing secret: %w", err)
	}
	secret, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(secret) != secretSize {
		return nil, fmt.Errorf("signing secret %s: want %d hex digits; delete it to have a new one made, which ends every token", path, 2*secretSize)
	}
	return &Keys{secret: secret}, nil
}

// create writes a new secret beside path and links it there. A link is made in
// one step and never over an existing file, so of several programs one wins
// and none ever reads half a file.
func create(dir, path string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("folder of the signing secret: %w", err)
	}
	draft, err := os.CreateTemp(dir, secretFile+".*") // created 0600
	if err != nil {
		return fmt.Errorf("draft of the signing secret: %w", err)
	}
	defer os.Remove(draft.Name())
	secret := make([]byte, secretSize)
	rand.Read(secret)
	_, err = fmt.Fprintln(draft, hex.EncodeToString(secret))
	if err = errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return fmt.Errorf("draft of the signing secret: %w", err)
	}
	if err := os.Link(draft.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("signing secret: %w", err)
	}
	return syncDir(dir)
}

// syncDir makes the new name survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("folder of the signing secret: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("folder of the signing secret: %w", err)
	}
	return nil
}

// String hides the secret.
func (*Keys) String() string { return "token.Keys(hidden)" }

// Derive returns a key of 32 bytes for another purpose than tokens. The same
// purpose always gives the same key, and neither tells anything of the other.
//
// Errors: those of the hash, which there are none of.
func (k *Keys) Derive(purpose string) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, k.secret, nil, purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("derive key for %s: %w", purpose, err)
	}
	return key, nil
}

// GoString hides the secret.
func (k *Keys) GoString() string { return k.String() }

// LogValue hides the secret.
func (k *Keys) LogValue() slog.Value { return slog.StringValue(k.String()) }

var participantCode = base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding)

// participantSize is the size of an id before it is written out. 80 bits: no
// repeat within any audience.
const participantSize = 10

// NewParticipant returns a random participant id of 17 characters that nobody
// can guess and that can be read aloud.
func NewParticipant() string {
	var id [participantSize]byte
	rand.Read(id[:])
	return "p" + participantCode.EncodeToString(id[:])
}

// ParticipantOf returns the participant id that belongs to parts under key:
// always the same one, as long as NewParticipant's, and without the key it
// tells nothing of them.
func ParticipantOf(key []byte, parts ...string) string {
	return "p" + participantCode.EncodeToString(Sum(key, parts...)[:participantSize])
}

// Sum returns the HMAC-SHA-256 of parts under key, 32 bytes. Other parts, or
// the same text parted elsewhere, give another sum.
func Sum(key []byte, parts ...string) []byte {
	mac := hmac.New(sha256.New, key)
	for _, part := range parts {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		mac.Write(size[:])
		mac.Write([]byte(part))
	}
	return mac.Sum(nil)
}

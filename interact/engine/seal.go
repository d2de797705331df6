package engine

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/cuelight/cuelight/interact/wire"
)

// Sizes of a seal's values, in bytes.
const (
	keySize   = 32 // AES-256
	keyIDSize = 16
	ivSize    = 12 // what GCM is defined for
)

// seal is the text of a cue as viewers get it, and the key that opens it. It
// does not change: another text gets another seal with another key. Its JSON is
// part of the log's format.
type seal struct {
	KeyID []byte `json:"kid"`
	IV    []byte `json:"iv"`
	Key   []byte `json:"key"`
	// Text is encrypted. It is kept although it could be made again: a key and
	// IV that met a second text, by whatever change of its JSON, would give both
	// away.
	Text []byte `json:"ct"`
	Rev  int    `json:"rev"`
}

// sealText encrypts t for the viewers of a channel with a key of its own.
func sealText(channel, cue string, rev int, t wire.Text) (*seal, error) {
	plain, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("pack text of cue %s: %w", cue, err)
	}
	s := &seal{KeyID: random(keyIDSize), IV: random(ivSize), Key: random(keySize), Rev: rev}
	gcm, err := s.cipher()
	if err != nil {
		return nil, fmt.Errorf("seal text of cue %s: %w", cue, err)
	}
	s.Text = gcm.Seal(nil, s.IV, plain, s.wire().AAD(channel, cue))
	return s, nil
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // it never fails
	return b
}

func (s *seal) cipher() (cipher.AEAD, error) {
	block, err := aes.NewCipher(s.Key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// validate says what is wrong with a seal that was read from the log.
func (s *seal) validate() error {
	if len(s.KeyID) != keyIDSize || len(s.IV) != ivSize || len(s.Key) != keySize || len(s.Text) == 0 {
		return fmt.Errorf("seal with %d, %d, %d bytes: %d, %d, %d are needed", len(s.KeyID), len(s.IV), len(s.Key), keyIDSize, ivSize, keySize)
	}
	return nil
}

func (s *seal) wire() *wire.Seal {
	return &wire.Seal{KeyID: s.keyID(), IV: encode64(s.IV), Text: encode64(s.Text), Rev: s.Rev}
}

func (s *seal) keyID() string { return encode64(s.KeyID) }

func (s *seal) key() string { return encode64(s.Key) }

func encode64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

package audience

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/cuelight/cuelight/interact/wire"
)

// unseal reads the text of a cue with its key.
func unseal(channel string, c wire.Cue, key string) (*wire.Text, error) {
	var parts [3][]byte
	for i, text := range [...]string{key, c.Seal.IV, c.Seal.Text} {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("unseal cue %s: %w", c.ID, err)
		}
		parts[i] = raw
	}
	block, err := aes.NewCipher(parts[0])
	if err != nil {
		return nil, fmt.Errorf("unseal cue %s: %w", c.ID, err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("unseal cue %s: %w", c.ID, err)
	}
	if len(parts[1]) != gcm.NonceSize() {
		return nil, fmt.Errorf("unseal cue %s: an IV of %d bytes", c.ID, len(parts[1]))
	}
	plain, err := gcm.Open(nil, parts[1], parts[2], c.Seal.AAD(channel, c.ID))
	if err != nil {
		return nil, fmt.Errorf("unseal cue %s: %w", c.ID, err)
	}
	var t wire.Text
	if err := json.Unmarshal(plain, &t); err != nil {
		return nil, fmt.Errorf("unseal cue %s: %w", c.ID, err)
	}
	return &t, nil
}

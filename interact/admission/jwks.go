package admission

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

const maxJWKS = 64 // keys in one set

// jwk is one key of a set, as far as it matters here.
// Spec: RFC 7517 §4, RFC 7518 §6, RFC 8037 §2.
type jwk struct {
	Type    string   `json:"kty"`
	Use     string   `json:"use"`
	Ops     []string `json:"key_ops"`
	Alg     string   `json:"alg"`
	ID      string   `json:"kid"`
	Curve   string   `json:"crv"`
	N       string   `json:"n"`
	E       string   `json:"e"`
	X       string   `json:"x"`
	Y       string   `json:"y"`
	Private string   `json:"d"`
	Secret  string   `json:"k"`
}

// jwksSet reads a JWK set. Keys for other purposes are left out; sets of a
// site often hold some.
func jwksSet(text []byte) (keySet, error) {
	var doc struct {
		Keys []jwk `json:"keys"`
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&doc); err != nil {
		return keySet{}, fmt.Errorf("not a JWK set: %w", err)
	}
	if len(doc.Keys) > maxJWKS {
		return keySet{}, fmt.Errorf("%d keys are more than %d", len(doc.Keys), maxJWKS)
	}
	set := keySet{named: true}
	for i, k := range doc.Keys {
		if k.Private != "" || k.Secret != "" || k.Type == "oct" {
			return keySet{}, fmt.Errorf("key %d is a secret one, which stays with the site: give public keys only", i)
		}
		if !k.verifies() {
			continue
		}
		v, err := k.verifier()
		if errors.Is(err, errOtherKind) || err == nil && k.Alg != "" && k.Alg != v.alg {
			continue
		}
		if err != nil {
			return keySet{}, fmt.Errorf("key %d: %w", i, err)
		}
		if len(k.ID) > maxKeyID {
			return keySet{}, fmt.Errorf("key %d: a kid of %d bytes is longer than %d", i, len(k.ID), maxKeyID)
		}
		v.id = k.ID
		if slices.ContainsFunc(set.keys, func(other verifier) bool { return other.id == v.id && other.alg == v.alg }) {
			return keySet{}, fmt.Errorf("key %d: another %s key has the same kid", i, v.alg)
		}
		set.keys = append(set.keys, v)
	}
	if len(set.keys) == 0 {
		return keySet{}, errors.New("no key for RS256, ES256 or EdDSA in it")
	}
	return set, nil
}

// verifies says whether the key is for checking signatures.
func (k jwk) verifies() bool {
	return (k.Use == "" || k.Use == "sig") && (len(k.Ops) == 0 || slices.Contains(k.Ops, "verify"))
}

var errOtherKind = errors.New("a kind of key that is not used here")

func (k jwk) verifier() (verifier, error) {
	switch {
	case k.Type == "RSA":
		return k.rsa()
	case k.Type == "EC" && k.Curve == "P-256":
		return k.p256()
	case k.Type == "OKP" && k.Curve == "Ed25519":
		x, err := number("x", k.X, ed25519.PublicKeySize)
		if err != nil {
			return verifier{}, err
		}
		return verifierOf(ed25519.PublicKey(x))
	default:
		return verifier{}, errOtherKind
	}
}

func (k jwk) rsa() (verifier, error) {
	n, err := number("n", k.N, 0)
	if err != nil {
		return verifier{}, err
	}
	e, err := number("e", k.E, 0)
	if err != nil {
		return verifier{}, err
	}
	exponent := new(big.Int).SetBytes(e)
	if !exponent.IsInt64() || exponent.Int64() < 3 || exponent.Int64() > 1<<31-1 || exponent.Bit(0) == 0 {
		return verifier{}, errors.New("e: an odd number from 3 to 2147483647")
	}
	return verifierOf(&rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent.Int64())})
}

func (k jwk) p256() (verifier, error) {
	x, err := number("x", k.X, 32)
	if err != nil {
		return verifier{}, err
	}
	y, err := number("y", k.Y, 32)
	if err != nil {
		return verifier{}, err
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
	if err != nil {
		return verifier{}, errors.New("x, y: not a point of P-256")
	}
	return verifierOf(key)
}

// number decodes base64url; size is what it must have, 0 for any.
func number(name, text string, size int) ([]byte, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) == 0 || size > 0 && len(raw) != size {
		return nil, fmt.Errorf("%s: not the base64url of such a number", name)
	}
	return raw, nil
}

package admission

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

const (
	minSecret = 32   // bytes, as long as the hash: RFC 7518 §3.2
	minRSA    = 2048 // bits: RFC 7518 §3.3
	maxRSA    = 8192 // bits; more only takes time
)

// errNoKey means that none of the keys may have signed a JWT.
var errNoKey = errors.New("no key for this")

// verifier is a key and the one algorithm it is good for.
type verifier struct {
	id  string // of a JWK set; may be empty
	alg string
	key any
}

// keySet is what a file of keys held. Immutable.
type keySet struct {
	keys []verifier
	// named says that the keys are told apart by their ids.
	named bool
}

// find returns the key that may have signed by alg: the one of that id, or,
// where the JWT names none, the only one there is. Errors: errNoKey.
func (s keySet) find(alg, id string, named bool) (any, error) {
	var found []any
	for _, k := range s.keys {
		if k.alg == alg && (!s.named || !named || k.id == id) {
			found = append(found, k.key)
		}
	}
	if len(found) != 1 {
		return nil, errNoKey
	}
	return found[0], nil
}

// secretSet reads a shared secret.
func secretSet(text []byte) (keySet, error) {
	secret := bytes.TrimSpace(text)
	if len(secret) < minSecret {
		return keySet{}, fmt.Errorf("shorter than %d bytes can be guessed", minSecret)
	}
	return keySet{keys: []verifier{{alg: HS256, key: bytes.Clone(secret)}}}, nil
}

// pemSet reads one public key.
func pemSet(text []byte) (keySet, error) {
	block, rest := pem.Decode(text)
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return keySet{}, errors.New("want one public key, PEM")
	}
	if strings.Contains(block.Type, "PRIVATE") {
		return keySet{}, errors.New("this is a private key, which stays with the site: give its public key (openssl pkey -pubout)")
	}
	public, err := publicKey(block)
	if err != nil {
		return keySet{}, err
	}
	v, err := verifierOf(public)
	if err != nil {
		return keySet{}, err
	}
	return keySet{keys: []verifier{v}}, nil
}

func publicKey(block *pem.Block) (any, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return cert.PublicKey, nil
	default:
		return nil, fmt.Errorf("a PEM block of %.40q is no public key", block.Type)
	}
}

// verifierOf says which algorithm a public key is good for.
func verifierOf(public any) (verifier, error) {
	switch key := public.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSA || bits > maxRSA {
			return verifier{}, fmt.Errorf("an RSA key of %d bits: want %d to %d", bits, minRSA, maxRSA)
		}
		return verifier{alg: RS256, key: key}, nil
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() {
			return verifier{}, fmt.Errorf("a key on the curve %s: ES256 has P-256", key.Curve.Params().Name)
		}
		return verifier{alg: ES256, key: key}, nil
	case ed25519.PublicKey:
		return verifier{alg: EdDSA, key: key}, nil
	default:
		return verifier{}, fmt.Errorf("a key of type %T: want RSA, P-256 or Ed25519", public)
	}
}

package admission_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cuelight/cuelight/interact/admission"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// owners is the log of links, without a log.
type owners struct {
	mu   sync.Mutex // protects everything below
	of   map[string]string
	fail error
}

func (o *owners) bind(_ context.Context, channel, link, participant string) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		return "", o.fail
	}
	if o.of == nil {
		o.of = make(map[string]string)
	}
	key := channel + " " + link
	if _, used := o.of[key]; !used {
		o.of[key] = participant
	}
	return o.of[key], nil
}

// rig is a desk with one channel, "show".
type rig struct {
	t      testing.TB
	desk   *admission.Desk
	keys   *token.Keys
	owners *owners
}

func rigged(t testing.TB, rules admission.Rules) *rig {
	t.Helper()
	keys, err := token.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, keys: keys, owners: new(owners)}
	r.desk = r.open(rules)
	return r
}

// open makes another desk of the same server, with other rules.
func (r *rig) open(rules admission.Rules) *admission.Desk {
	r.t.Helper()
	desk, err := admission.New(admission.Config{
		Keys: r.keys, Bind: r.owners.bind, Channels: map[string]admission.Rules{"show": rules},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return desk
}

// enter admits somebody who must be let in.
func (r *rig) enter(hello wire.Hello) admission.Ticket {
	r.t.Helper()
	ticket, err := r.desk.Admit(hello, "show", noon)
	if err != nil {
		r.t.Fatalf("not let in: %v", err)
	}
	return ticket
}

// code returns with which code somebody is refused, 0 if it is let in.
func code(t testing.TB, err error) wire.CloseCode {
	t.Helper()
	if err == nil {
		return 0
	}
	refusal, ok := errors.AsType[*admission.Refusal](err)
	if !ok {
		t.Fatalf("err = %v, want a *Refusal", err)
	}
	if len(refusal.Reason) > 100 {
		t.Errorf("%q does not fit into a close frame", refusal.Reason)
	}
	return refusal.Code
}

// site is a host's site: it signs people in.
type site struct {
	t      testing.TB
	dir    string
	secret []byte
	rsa    *rsa.PrivateKey
	ec     *ecdsa.PrivateKey
	ed     ed25519.PrivateKey
}

const (
	issuer   = "https://host.example"
	audience = "cuelight-show"
)

// The key is made once: making one takes longer than all tests together.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func newSite(t testing.TB) *site {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &site{t: t, dir: t.TempDir(), secret: []byte("a secret of thirty-two bytes, or more"), rsa: rsaKey(), ec: ec, ed: ed}
}

// file writes a file of keys and returns its path.
func (s *site) file(name string, text []byte) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	draft := path + ".new"
	if err := os.WriteFile(draft, text, 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(draft, path); err != nil {
		s.t.Fatal(err)
	}
	return path
}

func (s *site) pem(public any) []byte {
	s.t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		s.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// jwks is a set of all the site's public keys.
func (s *site) jwks(more ...map[string]any) []byte {
	s.t.Helper()
	point, err := s.ec.PublicKey.Bytes()
	if err != nil {
		s.t.Fatal(err)
	}
	keys := append([]map[string]any{
		{"kty": "RSA", "use": "sig", "kid": "r1", "n": b64(s.rsa.N.Bytes()), "e": b64(big.NewInt(int64(s.rsa.E)).Bytes())},
		{"kty": "EC", "crv": "P-256", "kid": "e1", "alg": "ES256", "x": b64(point[1:33]), "y": b64(point[33:])},
		{"kty": "OKP", "crv": "Ed25519", "kid": "d1", "key_ops": []string{"verify"}, "x": b64(s.ed.Public().(ed25519.PublicKey))},
		{"kty": "RSA", "use": "enc", "kid": "for-secrets", "n": b64(s.rsa.N.Bytes()), "e": "AQAB"},
	}, more...)
	text, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// claims are those of somebody who is signed in.
func claims(changes ...any) jwt.MapClaims {
	c := jwt.MapClaims{"iss": issuer, "aud": audience, "sub": "ann", "exp": noon.Add(5 * time.Minute).Unix()}
	for i := 0; i < len(changes); i += 2 {
		if name := changes[i].(string); changes[i+1] == nil {
			delete(c, name)
		} else {
			c[name] = changes[i+1]
		}
	}
	return c
}

func sign(t testing.TB, method jwt.SigningMethod, key any, c jwt.Claims, header map[string]any) string {
	t.Helper()
	unsigned := jwt.NewWithClaims(method, c)
	for name, value := range header {
		unsigned.Header[name] = value
	}
	tok, err := unsigned.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// withSecret are the rules of a channel of the site, by shared secret.
func (s *site) withSecret() admission.Account {
	return admission.Account{SecretFile: s.file("secret", append(s.secret, '\n')), Issuer: issuer, Audience: audience}
}

func (s *site) withJWKS() admission.Account {
	return admission.Account{JWKSFile: s.file("jwks.json", s.jwks()), Issuer: issuer, Audience: audience}
}

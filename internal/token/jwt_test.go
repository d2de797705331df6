package token_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cuelight/cuelight/internal/token"
)

func producer(now time.Time) token.Claims {
	return token.Claims{Role: token.RoleProducer, Subject: "producer", Channels: []string{"show"}, Expires: now.Add(time.Hour)}
}

func TestMintVerify(t *testing.T) {
	keys, now := open(t, t.TempDir()), time.Now()
	for _, c := range []token.Claims{
		producer(now),
		{Role: token.RoleViewer, Subject: token.NewParticipant(), Expires: now.Add(30 * 24 * time.Hour)},
		{Role: token.RoleViewer, Subject: token.NewParticipant(), Grade: "link", Proof: "show/7fQ", Expires: now.Add(time.Hour)},
	} {
		tok, err := keys.Mint(c, now)
		if err != nil {
			t.Fatal(err)
		}
		got, err := keys.Verify(tok, now)
		if err != nil {
			t.Fatal(err)
		}
		c.Expires = c.Expires.Truncate(time.Second)
		if !got.Expires.Equal(c.Expires) {
			t.Errorf("TK6 expires = %v, want %v", got.Expires, c.Expires)
		}
		got.Expires = c.Expires
		if !reflect.DeepEqual(got, c) {
			t.Errorf("TK6 claims = %+v, want %+v", got, c)
		}
		if _, err := keys.Verify(tok, c.Expires); !errors.Is(err, token.ErrExpired) {
			t.Errorf("TK4 at its end: err = %v, want ErrExpired", err)
		}
		if _, err := keys.Verify(tok, c.Expires.Add(-time.Nanosecond)); err != nil {
			t.Errorf("TK4 just before its end: %v", err)
		}
	}
}

func TestMay(t *testing.T) {
	some := token.Claims{Channels: []string{"a", "b"}}
	if !some.May("b") || some.May("c") {
		t.Error("named channels: want b allowed and c not")
	}
	if !(token.Claims{}).May("anything") {
		t.Error("no channels named: want all allowed")
	}
}

func TestMintRefuses(t *testing.T) {
	keys, now := open(t, t.TempDir()), time.Now()
	for name, change := range map[string]func(*token.Claims){
		"TK6 an unknown role":      func(c *token.Claims) { c.Role = "admin" },
		"TK6 no subject":           func(c *token.Claims) { c.Subject = "" },
		"TK6 a subject with space": func(c *token.Claims) { c.Subject = "a b" },
		"TK6 too many channels":    func(c *token.Claims) { c.Channels = make([]string, token.MaxChannels+1) },
		"TK6 an empty channel":     func(c *token.Claims) { c.Channels = []string{""} },
		"TK6 an endless grade":     func(c *token.Claims) { c.Grade = strings.Repeat("g", token.MaxGrade+1) },
		"TK6 an endless proof":     func(c *token.Claims) { c.Grade, c.Proof = "pin", strings.Repeat("p", token.MaxProof+1) },
		"TK6 a proof of nothing":   func(c *token.Claims) { c.Proof = "show/7fQ" },
		"TK4 no expiry":            func(c *token.Claims) { c.Expires = time.Time{} },
		"TK4 expired":              func(c *token.Claims) { c.Expires = now },
	} {
		t.Run(name, func(t *testing.T) {
			c := producer(now)
			change(&c)
			if tok, err := keys.Mint(c, now); err == nil {
				t.Errorf("minted %s", tok)
			}
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	keys := open(t, dir)
	text, err := os.ReadFile(filepath.Join(dir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	good := jwt.MapClaims{
		"iss": "cuelight", "aud": "cuelight", "sub": "p1", "role": "viewer", "exp": now.Add(time.Hour).Unix(),
	}
	with := func(key string, value any) jwt.MapClaims {
		c := jwt.MapClaims{}
		for k, v := range good {
			c[k] = v
		}
		if c[key] = value; value == nil {
			delete(c, key)
		}
		return c
	}
	sign := func(m jwt.SigningMethod, key any, c jwt.Claims) string {
		tok, err := jwt.NewWithClaims(m, c).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	hs256 := func(c jwt.Claims) string { return sign(jwt.SigningMethodHS256, secret, c) }
	fine := hs256(good)
	if _, err := keys.Verify(fine, now); err != nil {
		t.Fatalf("the token that the others are made from is refused: %v", err)
	}
	other, err := open(t, t.TempDir()).Mint(producer(now), now)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(fine, ".")
	changed := base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"cuelight","aud":"cuelight","sub":"p1","role":"producer","exp":9999999999}`))

	for _, tc := range []struct {
		name, tok string
		want      error
	}{
		{"TK3 another server's", other, token.ErrSignature},
		{"TK3 changed claims", parts[0] + "." + changed + "." + parts[2], token.ErrSignature},
		{"TK3 alg none", sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good), token.ErrSignature},
		{"TK3 HS512 with the right secret", sign(jwt.SigningMethodHS512, secret, good), token.ErrSignature},
		{"TK3 no signature", parts[0] + "." + parts[1] + ".", token.ErrSignature},
		{"TK4 no expiry", hs256(with("exp", nil)), token.ErrClaims},
		{"TK4 expired", hs256(with("exp", now.Add(-time.Second).Unix())), token.ErrExpired},
		{"TK5 another issuer", hs256(with("iss", "elsewhere")), token.ErrClaims},
		{"TK5 another audience", hs256(with("aud", "elsewhere")), token.ErrClaims},
		{"TK5 no audience", hs256(with("aud", nil)), token.ErrClaims},
		{"TK6 an unknown role", hs256(with("role", "admin")), token.ErrClaims},
		{"TK6 no subject", hs256(with("sub", nil)), token.ErrClaims},
		{"TK6 a grade with spaces", hs256(with("grade", "very sure")), token.ErrClaims},
		{"TK6 a proof without a grade", hs256(with("proof", "x")), token.ErrClaims},
		{"TK6 a grade that is a number", hs256(with("grade", 9)), token.ErrMalformed},
		{"TK6 a role that is a number", hs256(with("role", 7)), token.ErrMalformed},
		{"TK3 empty", "", token.ErrMalformed},
		{"TK3 text", "open sesame", token.ErrMalformed},
		{"TK3 endless", strings.Repeat("a", token.MaxLength+1), token.ErrMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := keys.Verify(tc.tok, now)
			if !errors.Is(err, tc.want) {
				t.Fatalf("err = %v, want %v (claims %+v)", err, tc.want, got)
			}
			if tc.tok != "" && strings.Contains(err.Error(), tc.tok) {
				t.Error("TK7 the error quotes the token")
			}
		})
	}
}

// FuzzVerify looks for bytes that verify although this secret did not sign
// them, or that crash.
func FuzzVerify(f *testing.F) {
	now := time.Unix(1_795_000_000, 0)
	keys := open(f, f.TempDir())
	fine, err := keys.Mint(producer(now), now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(fine)
	f.Add(fine[:len(fine)-1])
	f.Add("..")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjFlOTk5fQ.AA")
	f.Fuzz(func(t *testing.T, tok string) {
		_, err := keys.Verify(tok, now)
		if err == nil && tok != fine {
			t.Errorf("TK3 took %q", tok)
		}
		if err != nil && !errors.Is(err, token.ErrMalformed) && !errors.Is(err, token.ErrSignature) &&
			!errors.Is(err, token.ErrExpired) && !errors.Is(err, token.ErrClaims) {
			t.Errorf("untyped error %v", err)
		}
	})
}

package admission_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cuelight/cuelight/interact/admission"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
)

func TestAccountIsOneParticipant(t *testing.T) {
	s := newSite(t)
	account := s.withSecret()
	r := rigged(t, admission.Rules{Require: wire.GradeAccount, Account: &account})
	in := func(changes ...any) admission.Ticket {
		return r.enter(wire.Hello{Token: sign(t, jwt.SigningMethodHS256, s.secret, claims(changes...), nil)})
	}
	phone, tv := in(), in("exp", noon.Add(time.Hour).Unix(), "jti", "2")
	if phone.Participant != tv.Participant || phone.Grade != wire.GradeAccount {
		t.Errorf("AD6 two devices of one person are %+v and %+v", phone, tv)
	}
	if bob := in("sub", "bob"); bob.Participant == phone.Participant {
		t.Error("AD6 two people are one participant")
	}
	if strings.Contains(phone.Participant, "ann") || strings.Contains(phone.Token, b64([]byte("ann"))[:3]+"\"") {
		t.Error("AD8 the account's name is kept")
	}
	claims, err := r.keys.Verify(phone.Token, noon)
	if err != nil || strings.Contains(fmt.Sprint(claims), "ann") || strings.Contains(fmt.Sprint(claims), issuer) {
		t.Errorf("AD8 the token says %+v, %v", claims, err)
	}
}

// The server's own token takes over, so that a JWT of minutes lasts a show.
func TestAccountSession(t *testing.T) {
	s := newSite(t)
	account := s.withSecret()
	account.Session = time.Hour
	r := rigged(t, admission.Rules{Require: wire.GradeAccount, Account: &account})
	ann := r.enter(wire.Hello{Token: sign(t, jwt.SigningMethodHS256, s.secret, claims(), nil)})
	back, err := r.desk.Admit(wire.Hello{Token: ann.Token}, "show", noon.Add(59*time.Minute))
	if err != nil || back != ann {
		t.Errorf("AD6 within the session: %+v, %v", back, err)
	}
	if _, err := r.desk.Admit(wire.Hello{Token: ann.Token}, "show", noon.Add(time.Hour)); code(t, err) != wire.CloseDenied {
		t.Errorf("AD6 after it: %v", err)
	}
	account.Issuer = "https://new.example"
	r.desk = r.open(admission.Rules{Require: wire.GradeAccount, Account: &account})
	if _, err := r.desk.Admit(wire.Hello{Token: ann.Token}, "show", noon); code(t, err) != wire.CloseDenied {
		t.Errorf("AD6 of a site that no longer counts: %v", err)
	}
}

func TestAccountsAreTaken(t *testing.T) {
	s := newSite(t)
	rsaFile, ecFile, edFile := s.file("r.pem", s.pem(s.rsa.Public())), s.file("e.pem", s.pem(s.ec.Public())), s.file("d.pem", s.pem(s.ed.Public()))
	cert := s.file("c.pem", s.certificate())
	pkcs1 := s.file("p.pem", pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&s.rsa.PublicKey)}))
	for name, tc := range map[string]struct {
		account admission.Account
		tok     string
	}{
		"HS256":                       {s.withSecret(), sign(t, jwt.SigningMethodHS256, s.secret, claims(), nil)},
		"HS256 with a kid":            {s.withSecret(), sign(t, jwt.SigningMethodHS256, s.secret, claims(), map[string]any{"kid": "any"})},
		"RS256":                       {admission.Account{KeyFile: rsaFile}, sign(t, jwt.SigningMethodRS256, s.rsa, claims(), nil)},
		"RS256, PKCS #1":              {admission.Account{KeyFile: pkcs1}, sign(t, jwt.SigningMethodRS256, s.rsa, claims(), nil)},
		"ES256":                       {admission.Account{KeyFile: ecFile}, sign(t, jwt.SigningMethodES256, s.ec, claims(), nil)},
		"ES256, certificate":          {admission.Account{KeyFile: cert}, sign(t, jwt.SigningMethodES256, s.ec, claims(), nil)},
		"EdDSA":                       {admission.Account{KeyFile: edFile}, sign(t, jwt.SigningMethodEdDSA, s.ed, claims(), nil)},
		"of a set, RS256":             {s.withJWKS(), sign(t, jwt.SigningMethodRS256, s.rsa, claims(), map[string]any{"kid": "r1"})},
		"of a set, ES256":             {s.withJWKS(), sign(t, jwt.SigningMethodES256, s.ec, claims(), map[string]any{"kid": "e1"})},
		"of a set, EdDSA":             {s.withJWKS(), sign(t, jwt.SigningMethodEdDSA, s.ed, claims(), map[string]any{"kid": "d1"})},
		"of a set with one, no kid":   {s.withJWKS(), sign(t, jwt.SigningMethodES256, s.ec, claims(), nil)},
		"several audiences":           {s.withSecret(), sign(t, jwt.SigningMethodHS256, s.secret, claims("aud", []string{"shop", audience}), nil)},
		"over within the leeway":      {s.withSecret(), sign(t, jwt.SigningMethodHS256, s.secret, claims("exp", noon.Add(-29*time.Second).Unix()), nil)},
		"early within the leeway":     {s.withSecret(), sign(t, jwt.SigningMethodHS256, s.secret, claims("nbf", noon.Add(29*time.Second).Unix()), nil)},
		"with deep claims of no harm": {s.withSecret(), sign(t, jwt.SigningMethodHS256, s.secret, claims("x", nested(200)), nil)},
	} {
		tc.account.Issuer, tc.account.Audience = issuer, audience
		r := rigged(t, admission.Rules{Account: &tc.account})
		if ticket, err := r.desk.Admit(wire.Hello{Token: tc.tok}, "show", noon); err != nil || ticket.Grade != wire.GradeAccount {
			t.Errorf("AD7 %s: %+v, %v", name, ticket, err)
		}
	}
}

// nested returns a value of that many lists in one another.
func nested(depth int) any {
	var v any = 1
	for range depth {
		v = []any{v}
	}
	return v
}

func (s *site) certificate() []byte {
	s.t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: noon, NotAfter: noon.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, s.ec.Public(), s.ec)
	if err != nil {
		s.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// TestAccountsAreRefused: whatever RFC 8725 warns of.
func TestAccountsAreRefused(t *testing.T) {
	s := newSite(t)
	rsaPEM := s.pem(s.rsa.Public())
	secret, key, set := s.withSecret(), admission.Account{KeyFile: s.file("r.pem", rsaPEM)}, s.withJWKS()
	otherEC, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	hs := func(c jwt.Claims) string { return sign(t, jwt.SigningMethodHS256, s.secret, c, nil) }
	fine := hs(claims())
	parts := strings.Split(fine, ".")
	head := func(h map[string]any) string { return sign(t, jwt.SigningMethodHS256, s.secret, claims(), h) }
	for name, tc := range map[string]struct {
		account admission.Account
		tok     string
	}{
		"none":                              {secret, sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(), nil)},
		"None, in other letters":            {secret, b64([]byte(`{"alg":"nOnE"}`)) + "." + parts[1] + "."},
		"no signature":                      {secret, parts[0] + "." + parts[1] + "."},
		"another secret":                    {secret, sign(t, jwt.SigningMethodHS256, []byte("another secret of thirty-two bytes"), claims(), nil)},
		"HS512 with the right secret":       {secret, sign(t, jwt.SigningMethodHS512, s.secret, claims(), nil)},
		"changed claims":                    {secret, parts[0] + "." + b64([]byte(`{"iss":"`+issuer+`","aud":"`+audience+`","sub":"bob","exp":9999999999}`)) + "." + parts[2]},
		"the public key taken for a secret": {key, sign(t, jwt.SigningMethodHS256, rsaPEM, claims(), nil)},
		"the same, of a set":                {set, sign(t, jwt.SigningMethodHS256, s.rsa.N.Bytes(), claims(), map[string]any{"kid": "r1"})},
		"PS256 with the right key":          {key, sign(t, jwt.SigningMethodPS256, s.rsa, claims(), nil)},
		"RS512 with the right key":          {key, sign(t, jwt.SigningMethodRS512, s.rsa, claims(), nil)},
		"another key":                       {set, sign(t, jwt.SigningMethodES256, otherEC, claims(), map[string]any{"kid": "e1"})},
		"a key that brings itself":          {set, sign(t, jwt.SigningMethodES256, otherEC, claims(), map[string]any{"jwk": map[string]any{"kty": "EC"}, "jku": "https://evil.example"})},
		"a kid of another key":              {set, sign(t, jwt.SigningMethodES256, s.ec, claims(), map[string]any{"kid": "r1"})},
		"a kid of nobody":                   {set, sign(t, jwt.SigningMethodES256, s.ec, claims(), map[string]any{"kid": "../../etc/passwd"})},
		"a kid of an encryption key":        {set, sign(t, jwt.SigningMethodRS256, s.rsa, claims(), map[string]any{"kid": "for-secrets"})},
		"a kid that is a number":            {set, sign(t, jwt.SigningMethodES256, s.ec, claims(), map[string]any{"kid": 7})},
		"a kid that is null":                {set, sign(t, jwt.SigningMethodES256, s.ec, claims(), map[string]any{"kid": nil})},
		"an endless kid":                    {set, sign(t, jwt.SigningMethodES256, s.ec, claims(), map[string]any{"kid": strings.Repeat("k", 200)})},
		"crit":                              {secret, head(map[string]any{"crit": []string{"b64"}, "b64": false})},
		"crit of nothing":                   {secret, head(map[string]any{"crit": nil})},
		"a token in a token":                {secret, head(map[string]any{"cty": "jwt"})},
		"a type of content that is none":    {secret, head(map[string]any{"cty": 1})},
		"another audience":                  {secret, hs(claims("aud", "shop"))},
		"no audience":                       {secret, hs(claims("aud", nil))},
		"an audience that is a number":      {secret, hs(claims("aud", 1))},
		"over":                              {secret, hs(claims("exp", noon.Add(-31*time.Second).Unix()))},
		"no end":                            {secret, hs(claims("exp", nil))},
		"an end that is text":               {secret, hs(claims("exp", "tomorrow"))},
		"an end before time":                {secret, hs(claims("exp", -1))},
		"an end after all time":             {secret, hs(claims("exp", 1e300))},
		"too early":                         {secret, hs(claims("nbf", noon.Add(31*time.Second).Unix()))},
		"nobody":                            {secret, hs(claims("sub", nil))},
		"an empty name":                     {secret, hs(claims("sub", " "))},
		"a name that is a number":           {secret, hs(claims("sub", 7))},
		"a name that is a list":             {secret, hs(claims("sub", []string{"ann"}))},
		"an endless name":                   {secret, hs(claims("sub", strings.Repeat("a", 256)))},
		"a name in other letters":           {secret, hs(claims("sub", nil, "SUB", "ann"))},
		"huge":                              {secret, hs(claims("x", strings.Repeat("x", 4000)))},
	} {
		tc.account.Issuer, tc.account.Audience = issuer, audience
		r := rigged(t, admission.Rules{Require: wire.GradeAccount, Account: &tc.account})
		if name == "huge" { // what hello cannot hold is not looked at
			tc.tok += strings.Repeat("A", token.MaxLength)
		}
		ticket, err := r.desk.Admit(wire.Hello{Token: tc.tok}, "show", noon)
		if code(t, err) != wire.CloseDenied {
			t.Errorf("AD7 %s: %+v, %v", name, ticket, err)
		}
		if err != nil && strings.Contains(err.Error(), tc.tok) {
			t.Errorf("AD8 %s: the error quotes the token", name)
		}
	}
}

// A sign-in that fails does not quietly become a device with a second vote;
// a token of somebody else's is not held against anybody.
func TestFailedSignInIsTold(t *testing.T) {
	s := newSite(t)
	account := s.withSecret()
	r := rigged(t, admission.Rules{Account: &account})
	if _, err := r.desk.Admit(wire.Hello{Token: sign(t, jwt.SigningMethodHS256, s.secret, claims("exp", noon.Add(-time.Hour).Unix()), nil)}, "show", noon); code(t, err) != wire.CloseDenied {
		t.Errorf("AD6 a sign-in that is over: %v", err)
	}
	ticket := r.enter(wire.Hello{Token: sign(t, jwt.SigningMethodHS256, s.secret, claims("iss", "https://shop.example"), nil)})
	if ticket.Grade != wire.GradeDevice {
		t.Errorf("AD6 a sign-in elsewhere is %+v", ticket)
	}
	if ticket, err := r.desk.Admit(wire.Hello{Token: sign(t, jwt.SigningMethodHS256, s.secret, claims(), nil)}, "other", noon); err != nil || ticket.Grade != wire.GradeDevice {
		t.Errorf("AD6 on a channel that takes no accounts: %+v, %v", ticket, err)
	}
}

func TestAnotherClaim(t *testing.T) {
	s := newSite(t)
	account := s.withSecret()
	account.Claim = "https://host.example/member"
	r := rigged(t, admission.Rules{Account: &account})
	in := func(member string) string {
		return r.enter(wire.Hello{Token: sign(t, jwt.SigningMethodHS256, s.secret, claims(account.Claim, member), nil)}).Participant
	}
	if in("m1") != in("m1") || in("m1") == in("m2") {
		t.Error("AD6 the claim does not tell people apart")
	}
}

// Keys are replaced without a restart, and a broken file changes nothing.
func TestKeysAreReadAgain(t *testing.T) {
	s, next := newSite(t), newSite(t)
	account := s.withJWKS()
	var out strings.Builder
	keys, err := token.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	desk, err := admission.New(admission.Config{
		Keys: keys, Log: slog.New(slog.NewTextHandler(&out, nil)),
		Channels: map[string]admission.Rules{"show": {Require: wire.GradeAccount, Account: &account}},
	})
	if err != nil {
		t.Fatal(err)
	}
	now := noon
	enters := func(by *site) bool {
		_, err := desk.Admit(wire.Hello{Token: sign(t, jwt.SigningMethodES256, by.ec, claims("exp", now.Add(time.Hour).Unix()), map[string]any{"kid": "e1"})}, "show", now)
		return err == nil
	}
	if !enters(s) || enters(next) {
		t.Fatal("AD7 at first the first site's keys hold")
	}
	s.file("jwks.json", []byte("{"))
	now = now.Add(2 * time.Second)
	if !enters(s) || !strings.Contains(out.String(), "level=WARN") {
		t.Errorf("AD7 with a broken file the keys before hold, and it is said so: %s", out.String())
	}
	warned := strings.Count(out.String(), "level=WARN")
	now = now.Add(2 * time.Second)
	if enters(s); strings.Count(out.String(), "level=WARN") != warned {
		t.Error("AD7 the same complaint comes again and again")
	}
	s.file("jwks.json", next.jwks())
	now = now.Add(2 * time.Second)
	if enters(s) || !enters(next) {
		t.Error("AD7 afterwards the new keys hold")
	}
	if err := os.Remove(account.JWKSFile); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Second)
	if !enters(next) {
		t.Error("AD7 without the file the keys stay")
	}
}

// Nobody is turned away while the file of keys is replaced.
func TestKeysAreReadWhileManySignIn(t *testing.T) {
	s := newSite(t)
	account := s.withJWKS()
	r := rigged(t, admission.Rules{Require: wire.GradeAccount, Account: &account})
	tok := sign(t, jwt.SigningMethodEdDSA, s.ed, claims(), map[string]any{"kid": "d1"})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 20 {
				if _, err := r.desk.Admit(wire.Hello{Token: tok}, "show", noon.Add(time.Duration(i)*2*time.Second)); err != nil {
					t.Errorf("AD7 refused: %v", err)
				}
			}
		})
	}
	for range 20 {
		s.file("jwks.json", s.jwks())
	}
	wg.Wait()
}

func TestKeyFilesAreRefused(t *testing.T) {
	s := newSite(t)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(s.ec)
	if err != nil {
		t.Fatal(err)
	}
	point := b64(make([]byte, 32))
	for name, tc := range map[string]struct {
		secret, key, jwks []byte
		want              string
	}{
		"a short secret":         {secret: []byte("short\n"), want: "32 bytes"},
		"white space":            {secret: []byte(strings.Repeat(" ", 64)), want: "32 bytes"},
		"a private key":          {key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), want: "private key"},
		"text":                   {key: []byte("hello"), want: "one public key"},
		"two keys":               {key: append(s.pem(s.ec.Public()), s.pem(s.ec.Public())...), want: "one public key"},
		"a PEM of something":     {key: pem.EncodeToMemory(&pem.Block{Type: "MESSAGE", Bytes: []byte("x")}), want: "no public key"},
		"damaged":                {key: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")}), want: "key_file"},
		"a weak RSA key":         {key: s.pem(weak.Public()), want: "1024 bits"},
		"another curve":          {key: s.pem(p384.Public()), want: "P-384"},
		"no set":                 {jwks: []byte("[]"), want: "JWK set"},
		"an empty set":           {jwks: []byte(`{"keys":[]}`), want: "no key"},
		"only other kinds":       {jwks: []byte(`{"keys":[{"kty":"EC","crv":"P-521"},{"kty":"RSA","use":"enc"},{"kty":"oops"}]}`), want: "no key"},
		"a secret in a set":      {jwks: s.jwks(map[string]any{"kty": "oct", "k": "AAAA"}), want: "secret one"},
		"a private key in a set": {jwks: s.jwks(map[string]any{"kty": "EC", "crv": "P-256", "d": "AAAA"}), want: "secret one"},
		"two of one name":        {jwks: s.jwks(map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": "d1", "x": point}), want: "same kid"},
		"no point of the curve":  {jwks: s.jwks(map[string]any{"kty": "EC", "crv": "P-256", "x": point, "y": point}), want: "not a point"},
		"no base64url":           {jwks: s.jwks(map[string]any{"kty": "OKP", "crv": "Ed25519", "x": "!!"}), want: "x: "},
		"an even exponent":       {jwks: s.jwks(map[string]any{"kty": "RSA", "n": b64(s.rsa.N.Bytes()), "e": "AAQ"}), want: "e: "},
		"an exponent of one":     {jwks: s.jwks(map[string]any{"kty": "RSA", "n": b64(s.rsa.N.Bytes()), "e": "AQ"}), want: "e: "},
		"no end":                 {jwks: []byte(strings.Repeat(" ", 300<<10)), want: "longer"},
	} {
		a := admission.Account{Issuer: issuer, Audience: audience}
		switch {
		case tc.secret != nil:
			a.SecretFile = s.file("x", tc.secret)
		case tc.key != nil:
			a.KeyFile = s.file("x", tc.key)
		default:
			a.JWKSFile = s.file("x", tc.jwks)
		}
		keys, err := token.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		_, err = admission.New(admission.Config{Keys: keys, Channels: map[string]admission.Rules{"show": {Account: &a}}})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("AD7 %s: %v, want %q", name, err, tc.want)
		}
	}
}

// FuzzAdmit looks for a hello that is let in although nothing in it was given
// out by this server or signed by the site, or that panics.
func FuzzAdmit(f *testing.F) {
	s := newSite(f)
	account := s.withJWKS()
	r := rigged(f, admission.Rules{Require: wire.GradePIN, PIN: "Sesame-4711", Account: &account})
	fine := sign(f, jwt.SigningMethodES256, s.ec, claims(), map[string]any{"kid": "e1"})
	link := r.links(1)[0]
	head, _, _ := strings.Cut(fine, ".")
	f.Add(fine, "", "")
	f.Add(fine[:len(fine)-2], "4711", link)
	f.Add(b64([]byte(`{"alg":"none"}`))+"."+b64([]byte(`{"iss":"`+issuer+`"}`))+".", "", link[:20])
	f.Add(head+"."+b64([]byte(`{"iss":"`+issuer+`","exp":1e999}`))+".AA", "", link+".")
	f.Add(b64([]byte(strings.Repeat("[", 500)))+".e30.", "", "."+link)
	f.Fuzz(func(t *testing.T, tok, pin, link string) {
		ticket, err := r.desk.Admit(wire.Hello{Token: tok, PIN: pin, Link: link}, "show", noon)
		if err == nil && tok != fine && pin != "Sesame-4711" && ticket.Grade != wire.GradeLink {
			t.Errorf("AD7 let in as %+v by %q, %q, %q", ticket, tok, pin, link)
		}
		if err != nil {
			if _, ours := errors.AsType[*admission.Refusal](err); !ours {
				t.Errorf("AD7 untyped error %v", err)
			}
		}
	})
}

package admission

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
)

// Algorithms by which a host's site may sign.
const (
	HS256 = "HS256"
	RS256 = "RS256"
	ES256 = "ES256"
	EdDSA = "EdDSA"
)

// Limits of a host's JWT.
const (
	maxAccount = 255 // bytes of the claim that says who it is
	maxKeyID   = 128 // bytes
	// leeway is how far the host's clock may be off.
	leeway = 30 * time.Second
	// maxExpiry keeps a date that no calendar has from being taken for one.
	maxExpiry = 253_402_300_799 // the last second of the year 9999
)

// DefaultSession is how long a sign-in counts after it was checked.
const DefaultSession = 12 * time.Hour

// Account says whose sign-ins count, by the JWTs of a host's site.
// Exactly one of SecretFile, KeyFile and JWKSFile is needed.
type Account struct {
	// SecretFile holds a secret that the site shares with this server, 32 bytes
	// or more, for HS256. White space around it does not count.
	SecretFile string
	// KeyFile holds the site's public key, PEM.
	KeyFile string
	// JWKSFile holds the site's public keys as a JWK set (RFC 7517).
	JWKSFile string
	// Algorithms are those that the site signs with. Default HS256 with a
	// secret; otherwise RS256, ES256 and EdDSA, each with keys of its own only.
	Algorithms []string
	// Issuer and Audience are what the JWT must say. Both are needed.
	Issuer, Audience string
	// Claim holds who it is: a string that stays the same for one person.
	// Default "sub".
	Claim string
	// Session is how long somebody stays admitted after the JWT was checked,
	// so that a show outlasts a JWT of a few minutes. Default DefaultSession.
	Session time.Duration
}

func (a Account) withDefaults() Account {
	if len(a.Algorithms) == 0 && a.SecretFile != "" {
		a.Algorithms = []string{HS256}
	} else if len(a.Algorithms) == 0 {
		a.Algorithms = []string{RS256, ES256, EdDSA}
	}
	a.Claim = cmp.Or(a.Claim, "sub")
	a.Session = cmp.Or(a.Session, DefaultSession)
	return a
}

// Validate reports everything that is wrong with a. It reads no file.
func (a Account) Validate() error {
	a = a.withDefaults()
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("jwt."+format, args...)) }
	files := slices.DeleteFunc([]string{a.SecretFile, a.KeyFile, a.JWKSFile}, func(name string) bool { return name == "" })
	if len(files) != 1 {
		bad("secret_file, key_file, jwks_file: give one of them")
	}
	for _, name := range a.Algorithms {
		switch {
		case !slices.Contains([]string{HS256, RS256, ES256, EdDSA}, name):
			bad("algorithms: %.20q is none of HS256, RS256, ES256, EdDSA", name)
		case (name == HS256) != (a.SecretFile != ""):
			bad("algorithms: %s does not go with this kind of key: HS256 takes secret_file, the others public keys", name)
		}
	}
	if a.Issuer == "" || a.Issuer == ownIssuer {
		bad("issuer: give the iss of the site's tokens, other than %q", ownIssuer)
	}
	if a.Audience == "" {
		bad("audience: give the aud that the site puts into tokens for this server")
	}
	if a.Session < time.Minute || a.Session > deviceLife {
		bad("session: %v is not between 1m and %v", a.Session, deviceLife)
	}
	return errors.Join(errs...)
}

// ownIssuer is that of this server's own tokens.
const ownIssuer = "cuelight"

// host is a site whose JWTs count. Safe for concurrent use.
type host struct {
	Account
	keys   *keyFile
	parser []jwt.ParserOption
}

func openHost(a Account, log *slog.Logger) (*host, error) {
	a = a.withDefaults()
	keys, err := openKeys(a, log)
	if err != nil {
		return nil, err
	}
	return &host{Account: a, keys: keys, parser: []jwt.ParserOption{
		jwt.WithValidMethods(a.Algorithms),
		jwt.WithIssuer(a.Issuer),
		jwt.WithAudience(a.Audience),
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(leeway),
		jwt.WithStrictDecoding(),
	}}, nil
}

// issued says whether tok claims to be of this site, which decides who is to
// judge it and nothing else.
func (h *host) issued(tok string) bool {
	if h == nil || tok == "" || len(tok) > token.MaxLength {
		return false
	}
	claims := jwt.MapClaims{}
	_, _, _ = jwt.NewParser().ParseUnverified(tok, claims) // verify says what is wrong with it
	return claims["iss"] == h.Issuer
}

// What is wrong with a JWT of the host's site. None of them quotes it.
var (
	errExpired = errors.New("sign-in has expired")
	errJWT     = errors.New("not a sign-in of the host's site")
)

// verify returns who signed in. Errors: errExpired, errJWT.
// Spec: RFC 8725 §3.1, §3.2, §3.3, §3.8, §3.9, §3.10.
func (h *host) verify(tok string, now time.Time) (account string, err error) {
	if len(tok) > token.MaxLength {
		return "", errJWT
	}
	claims := jwt.MapClaims{} // a map, since claims differ by case (RFC 7519 §4)
	options := append(slices.Clip(h.parser), jwt.WithTimeFunc(func() time.Time { return now }))
	_, err = jwt.NewParser(options...).ParseWithClaims(tok, claims, func(t *jwt.Token) (any, error) {
		return h.key(t, now)
	})
	if err != nil {
		if errors.Is(err, jwt.ErrTokenExpired) {
			return "", errExpired
		}
		return "", errJWT
	}
	if expires, ok := claims["exp"].(float64); !ok || expires > maxExpiry {
		return "", errJWT
	}
	account, ok := claims[h.Claim].(string)
	if !ok || strings.TrimSpace(account) == "" || len(account) > maxAccount {
		return "", errJWT
	}
	return account, nil
}

// key returns the one key that may have signed t. A key is good for its own
// algorithm only, so a public key is never taken for a secret.
func (h *host) key(t *jwt.Token, now time.Time) (any, error) {
	if _, critical := t.Header["crit"]; critical {
		return nil, errJWT // RFC 7515 §4.1.11: we know none
	}
	if inner, nested := t.Header["cty"]; nested {
		if name, ok := inner.(string); !ok || strings.EqualFold(name, "JWT") {
			return nil, errJWT
		}
	}
	kid, named := t.Header["kid"]
	id, text := kid.(string)
	if named && (!text || len(id) > maxKeyID) {
		return nil, errJWT
	}
	return h.keys.current(now).find(t.Method.Alg(), id, named)
}

// admitAccount lets in who signed in at the host's site. Of the account only a
// keyed hash is kept, as the participant's id.
func (d *Desk) admitAccount(at *door, tok, channel string, now time.Time) (Ticket, error) {
	account, err := at.accounts.verify(tok, now)
	switch {
	case errors.Is(err, errExpired):
		return Ticket{}, errSignInOver
	case err != nil:
		return Ticket{}, errSignIn
	}
	who := visitor{claims: token.Claims{
		Role:    token.RoleViewer,
		Subject: token.ParticipantOf(d.identities, wire.GradeAccount, at.accounts.Issuer, account),
		Expires: now.Add(at.accounts.Session),
	}}
	who.raise(wire.GradeAccount, d.accountMark(channel, at.accounts.Issuer))
	return d.ticket(who, now)
}

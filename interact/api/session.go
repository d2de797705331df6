package api

import (
	"net/http"
	"strings"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/internal/token"
)

// Cookie is the name of the cookie that holds a producer's token.
const Cookie = "cuelight_session"

// SignedIn returns the claims of the producer that r's Authorization header
// or, without one, r's cookie names.
func (a *API) SignedIn(r *http.Request) (token.Claims, bool) {
	claims, err := a.producer(r)
	return claims, err == nil
}

var errSignIn = &problem{http.StatusUnauthorized, interact.CodeDenied,
	"Send a producer's token: Authorization: Bearer TOKEN, or sign in with POST " + root + "/session."}

// producer returns who asks (AP2).
func (a *API) producer(r *http.Request) (token.Claims, error) {
	tok, ok := bearer(r)
	if !ok {
		cookie, err := r.Cookie(Cookie)
		if err != nil {
			return token.Claims{}, errSignIn
		}
		tok = cookie.Value
	}
	claims, err := a.cfg.Tokens.Verify(tok, time.Now())
	if err != nil {
		return token.Claims{}, &problem{http.StatusUnauthorized, interact.CodeDenied, "The token is refused: " + err.Error() + "."}
	}
	if claims.Role != token.RoleProducer {
		return token.Claims{}, &problem{http.StatusUnauthorized, interact.CodeDenied, "This is a viewer's token. A producer's is needed."}
	}
	return claims, nil
}

// bearer returns the token of the Authorization header, and whether there is
// such a header. Spec: RFC 6750 §2.1.
func bearer(r *http.Request) (string, bool) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return "", false
	}
	scheme, tok, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", true // refused as a token would be
	}
	return strings.TrimSpace(tok), true
}

func (a *API) signIn(r *http.Request) (reply, error) {
	if !a.signIns.allow(remoteOf(r), signInPace, time.Now()) {
		return reply{}, interact.Errorf(interact.CodeTooMany, "Too many sign-in attempts from this address. Wait a minute.")
	}
	var body struct {
		Token string `json:"token"`
	}
	if err := decode(r, &body); err != nil {
		return reply{}, err
	}
	probe := r.Clone(r.Context())
	probe.Header = http.Header{"Authorization": {"Bearer " + body.Token}}
	claims, err := a.producer(probe)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusNoContent, cookie: sessionCookie(r, body.Token, claims.Expires)}, nil
}

func (a *API) session(r *http.Request) (reply, error) {
	claims, err := a.producer(r)
	if err != nil {
		return reply{}, err
	}
	channels := []string{}
	for _, c := range a.cfg.Channels() {
		if claims.May(c.Name) {
			channels = append(channels, c.Name)
		}
	}
	return reply{status: http.StatusOK, body: struct {
		Role     string   `json:"role"`
		Channels []string `json:"channels"`
		Expires  int64    `json:"expires_us"`
	}{claims.Role, channels, claims.Expires.UnixMicro()}}, nil
}

func (a *API) signOut(r *http.Request) (reply, error) {
	return reply{status: http.StatusNoContent, cookie: sessionCookie(r, "", time.Unix(1, 0))}, nil
}

// sessionCookie is out of reach for scripts and for other sites.
func sessionCookie(r *http.Request, tok string, expires time.Time) *http.Cookie {
	c := &http.Cookie{
		Name: Cookie, Value: tok, Path: "/", Expires: expires,
		HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || r.URL.Scheme == "https",
	}
	if tok == "" {
		c.MaxAge = -1
	}
	return c
}

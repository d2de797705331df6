package token

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	issuer   = "cuelight"
	audience = "cuelight"

	// MaxLength is the longest token that Verify looks at, in bytes.
	MaxLength = 8192
)

// Why a token is refused.
var (
	// ErrMalformed means text that is no token, or a token of another make.
	ErrMalformed = errors.New("not a token of this server")
	// ErrSignature means a token that another secret signed.
	ErrSignature = errors.New("token was not signed by this server")
	// ErrExpired means a token whose time is over.
	ErrExpired = errors.New("token has expired")
	// ErrClaims means a genuine signature over claims that make no sense here:
	// another issuer or audience, no expiry, an unknown role.
	ErrClaims = errors.New("token is not meant for this server")
)

type jwtClaims struct {
	jwt.RegisteredClaims
	Role     string   `json:"role"`
	Channels []string `json:"channels,omitempty"`
	Grade    string   `json:"grade,omitempty"`
	Proof    string   `json:"proof,omitempty"`
}

// Mint signs a token that says c.
//
// Errors: claims that Verify would refuse at now.
func (k *Keys) Mint(c Claims, now time.Time) (string, error) {
	if err := c.validate(); err != nil {
		return "", fmt.Errorf("mint token: %w", err)
	}
	expires := c.Expires.Truncate(time.Second)
	if !expires.After(now) {
		return "", errors.New("mint token: it would have expired already")
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwtClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    issuer,
			Audience:  jwt.ClaimStrings{audience},
			Subject:   c.Subject,
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(expires),
		},
		Role:     c.Role,
		Channels: c.Channels,
		Grade:    c.Grade,
		Proof:    c.Proof,
	}).SignedString(k.secret)
	if err != nil {
		return "", fmt.Errorf("mint token: %w", err)
	}
	return signed, nil
}

// Verify returns what the token says if it is valid at now.
//
// Errors: ErrMalformed, ErrSignature, ErrExpired, ErrClaims. None of them
// holds any part of the token.
// Spec: RFC 8725 (JWT best practice) §3.1, §3.8, §3.9, §3.10.
func (k *Keys) Verify(tok string, now time.Time) (Claims, error) {
	if len(tok) > MaxLength {
		return Claims{}, ErrMalformed
	}
	var jc jwtClaims
	_, err := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(issuer),
		jwt.WithAudience(audience),
		jwt.WithExpirationRequired(),
		jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(func() time.Time { return now }),
	).ParseWithClaims(tok, &jc, func(*jwt.Token) (any, error) { return k.secret, nil })
	if err != nil {
		return Claims{}, reasonOf(err)
	}
	c := Claims{
		Role: jc.Role, Subject: jc.Subject, Channels: jc.Channels, Grade: jc.Grade, Proof: jc.Proof, Expires: jc.ExpiresAt.Time,
	}
	if c.validate() != nil {
		return Claims{}, ErrClaims
	}
	return c, nil
}

// reasonOf drops the library's own words, which may quote the token.
func reasonOf(err error) error {
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return ErrMalformed
	case errors.Is(err, jwt.ErrTokenSignatureInvalid), errors.Is(err, jwt.ErrTokenUnverifiable):
		return ErrSignature
	case errors.Is(err, jwt.ErrTokenInvalidIssuer), errors.Is(err, jwt.ErrTokenInvalidAudience),
		errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return ErrClaims
	case errors.Is(err, jwt.ErrTokenExpired):
		return ErrExpired
	default:
		return ErrClaims
	}
}

package main

import (
	"cmp"
	"fmt"

	"github.com/cuelight/cuelight/interact/admission"
	"github.com/cuelight/cuelight/interact/wire"
)

// identitySettings say who may take part in a channel, and how sure it has to
// be that one participant is one person.
type identitySettings struct {
	// Require is the weakest grade that is let in: device, pin, link or account.
	Require string `yaml:"require"`
	// PIN is what viewers type, PINFile a file that holds it.
	PIN     secret `yaml:"pin"`
	PINFile string `yaml:"pin_file"`
	// JWT are sign-ins at the host's site.
	JWT *jwtSettings `yaml:"jwt"`
}

// jwtSettings say whose JWTs count. One of the files is needed.
type jwtSettings struct {
	SecretFile string   `yaml:"secret_file"` // shared secret, for HS256
	KeyFile    string   `yaml:"key_file"`    // PEM file with the public key
	JWKSFile   string   `yaml:"jwks_file"`   // JWK set with the public keys
	Algorithms []string `yaml:"algorithms"`
	Issuer     string   `yaml:"issuer"`
	Audience   string   `yaml:"audience"`
	Claim      string   `yaml:"claim"`   // that says who it is
	Session    span     `yaml:"session"` // how long a sign-in counts once checked
}

func (i *identitySettings) setDefaults() {
	i.Require = cmp.Or(i.Require, wire.GradeDevice)
	if i.JWT == nil {
		return
	}
	i.JWT.Claim = cmp.Or(i.JWT.Claim, "sub")
	i.JWT.Session = cmp.Or(i.JWT.Session, span{admission.DefaultSession})
}

// validate checks all but what is in files, which are read when the server
// starts.
func (i identitySettings) validate(bad func(string, ...any)) {
	if i.PIN != "" && i.PINFile != "" {
		bad("identity.pin: give either pin or pin_file")
	}
	if err := i.rules(i.knownPIN()).Validate(); err != nil {
		bad("identity.%w", err)
	}
}

// knownPIN stands in for one that is in a file.
func (i identitySettings) knownPIN() string {
	if i.PINFile != "" {
		return "in-a-file"
	}
	return string(i.PIN)
}

func (i identitySettings) rules(pin string) admission.Rules {
	r := admission.Rules{Require: i.Require, PIN: pin}
	if j := i.JWT; j != nil {
		r.Account = &admission.Account{
			SecretFile: j.SecretFile, KeyFile: j.KeyFile, JWKSFile: j.JWKSFile, Algorithms: j.Algorithms,
			Issuer: j.Issuer, Audience: j.Audience, Claim: j.Claim, Session: j.Session.Duration,
		}
	}
	return r
}

// pin is what viewers of the channel type, empty if there is none.
func (i identitySettings) pin() (string, error) {
	if i.PINFile == "" {
		return string(i.PIN), nil
	}
	pin, err := readSecret(i.PINFile)
	if err != nil {
		return "", fmt.Errorf("read PIN: %w", err)
	}
	if pin == "" {
		return "", fmt.Errorf("PIN in %s: the file is empty", i.PINFile)
	}
	return pin, nil
}

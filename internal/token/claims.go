package token

import (
	"fmt"
	"slices"
	"time"
)

// Roles that a token gives.
const (
	RoleViewer   = "viewer"   // takes part in shows
	RoleProducer = "producer" // runs them
)

// Limits of what a token says.
const (
	MaxSubject  = 64 // bytes
	MaxChannels = 64 // named in one token
	MaxChannel  = 64 // bytes of a channel's name
	MaxGrade    = 16 // bytes
	MaxProof    = 96 // bytes
)

// Claims is what a token says of its bearer.
type Claims struct {
	// Role is RoleViewer or RoleProducer.
	Role string
	// Subject is the participant's id, or the producer's name. Printable ASCII
	// without spaces, 1 to MaxSubject bytes.
	Subject string
	// Channels are those the bearer may use. Empty means all of them.
	Channels []string
	// Grade is how sure it is that a viewer is one person, in the words of who
	// had it minted. Empty means as little as may be. Printable ASCII, at most
	// MaxGrade bytes.
	Grade string
	// Proof is what the grade was earned with, for whoever had it minted to
	// compare. Printable ASCII, at most MaxProof bytes; empty without a grade.
	Proof string
	// Expires is the first moment at which the token is no longer valid.
	// Resolution: a second, rounded down when minted.
	Expires time.Time
}

// May says whether the bearer may use the channel.
func (c Claims) May(channel string) bool {
	return len(c.Channels) == 0 || slices.Contains(c.Channels, channel)
}

// validate says what is wrong with c. It never quotes a value.
func (c Claims) validate() error {
	if c.Role != RoleViewer && c.Role != RoleProducer {
		return fmt.Errorf("role is neither %s nor %s", RoleViewer, RoleProducer)
	}
	if !printable(c.Subject, MaxSubject) {
		return fmt.Errorf("subject is not 1 to %d printable characters", MaxSubject)
	}
	if len(c.Channels) > MaxChannels {
		return fmt.Errorf("%d channels, at most %d fit", len(c.Channels), MaxChannels)
	}
	for _, name := range c.Channels {
		if !printable(name, MaxChannel) {
			return fmt.Errorf("a channel is not 1 to %d printable characters", MaxChannel)
		}
	}
	if c.Grade != "" && !printable(c.Grade, MaxGrade) {
		return fmt.Errorf("grade is not at most %d printable characters", MaxGrade)
	}
	if c.Proof != "" && (c.Grade == "" || !printable(c.Proof, MaxProof)) {
		return fmt.Errorf("proof is not at most %d printable characters beside a grade", MaxProof)
	}
	return nil
}

func printable(s string, limit int) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) > 0 && len(s) <= limit
}

// Package admission decides who takes part in a channel's shows, and as whom.
//
// One participant has one vote, so what a vote is worth depends on how sure it
// is that two participants are two people. That is a grade: a device which was
// given a token, a viewer who knew the PIN, one who had a one-time link, or one
// who signed in at the host's site. A channel says which grade it requires.
// Tokens of this server carry the grade and what it was earned with; tokens of
// the host's site are JWTs (RFC 7519), checked as RFC 8725 has it.
//
// Its rules are AD… in interact/SPEC.md.
package admission

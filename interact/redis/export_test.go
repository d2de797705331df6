package redis

import (
	"context"

	"github.com/cuelight/cuelight/interact"
)

// SayAsLibrary says something as go-redis does.
func SayAsLibrary(format string, args ...any) {
	mouth{}.Printf(context.Background(), format, args...)
}

// CheckVersion is checkVersion.
var CheckVersion = checkVersion

// HashOf is hashOf.
var HashOf = hashOf

// ParseVote reads a vote of shard 0 of 1.
func ParseVote(text string) (interact.Entry, interact.Mark, error) {
	v, err := parseVote(text)
	return v.entry("p"), v.mark(0, 1), err
}

// ReadReply reads what a cast of votes came back with.
func ReadReply(reply any, votes []interact.Vote, outcomes []interact.Outcome) error {
	of := part{}
	for i := range votes {
		of.votes = append(of.votes, int32(i))
	}
	return of.parse(reply, 1, votes, outcomes)
}

package interact

import (
	"strings"
	"time"
)

// Limits of what nodes tell each other, besides those of the contract.
const (
	// MaxPostsAtOnce and MaxPostedBytes are of one call of Bus.Post.
	MaxPostsAtOnce = 1024
	MaxPostedBytes = 4 << 20
	// MaxFence is what a fence has to be less than: a number that every language
	// counts to.
	MaxFence Fence = 1 << 53

	// MaxOnce is the longest Once of a post, MaxNode the longest name of a node.
	// Units: bytes.
	MaxOnce = 200
	MaxNode = 64

	maxKind     = 32 // bytes
	maxName     = 64
	maxSlateTTL = 30 * 24 * time.Hour
)

const lower = "abcdefghijklmnopqrstuvwxyz-"

// ValidatePosts reports why no Bus would post to a channel.
//
// Errors: *Error with CodeInvalid.
func ValidatePosts(channel string, fence Fence, posts []Post, snapshot []byte) error {
	size := 0
	for _, p := range posts {
		if err := p.validate(fence); err != nil {
			return err
		}
		size += len(p.Data)
	}
	switch {
	case channel == "":
		return Errorf(CodeInvalid, "posts without channel")
	case fence >= MaxFence:
		return Errorf(CodeInvalid, "a fence of %d: less than %d fits", fence, MaxFence)
	case len(posts) > MaxPostsAtOnce || size > MaxPostedBytes:
		return Errorf(CodeInvalid, "%d posts of %d bytes at once: %d of %d fit", len(posts), size, MaxPostsAtOnce, MaxPostedBytes)
	case len(snapshot) > MaxSnapshot:
		return Errorf(CodeInvalid, "snapshot of %d bytes: %d fit", len(snapshot), MaxSnapshot)
	case snapshot != nil && fence == 0:
		return Errorf(CodeInvalid, "a snapshot without a fence")
	}
	return nil
}

func (p Post) validate(fence Fence) error {
	switch {
	case p.Reach < ReachViewers || p.Reach > ReachNodes:
		return Errorf(CodeInvalid, "post of unknown reach %d", p.Reach)
	case len(p.Data) == 0 || len(p.Data) > MaxPost:
		return Errorf(CodeInvalid, "post of %d bytes: 1 to %d fit", len(p.Data), MaxPost)
	case p.Once != "" && !IsWord(p.Once, MaxOnce):
		return Errorf(CodeInvalid, "the name of a post has 1 to %d visible ASCII characters", MaxOnce)
	case p.Once == "" && fence == 0:
		return Errorf(CodeInvalid, "a post without a name and without a fence")
	}
	return nil
}

// Validate reports why no Bus would whisper w to a channel.
//
// Errors: *Error with CodeInvalid.
func (w Whisper) Validate(channel string) error {
	switch {
	case channel == "":
		return Errorf(CodeInvalid, "whisper without channel")
	case w.Kind == "" || len(w.Kind) > maxKind || strings.Trim(w.Kind, lower) != "":
		return Errorf(CodeInvalid, "the kind of a whisper is 1 to %d of a-z and -", maxKind)
	case !IsWord(w.Node, MaxNode):
		return Errorf(CodeInvalid, "the node of a whisper has 1 to %d visible ASCII characters", MaxNode)
	case len(w.Data) > MaxPost:
		return Errorf(CodeInvalid, "whisper of %d bytes: %d fit", len(w.Data), MaxPost)
	}
	return nil
}

// IsWord reports whether s is 1 to limit visible ASCII characters, as names that
// travel between nodes are.
func IsWord(s string, limit int) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= limit
}

// ValidateWriting reports why no Slate would keep data under a name.
//
// Errors: *Error with CodeInvalid.
func ValidateWriting(channel, name string, fence Fence, data []byte, ttl time.Duration) error {
	switch {
	case channel == "":
		return Errorf(CodeInvalid, "something to write without channel")
	case fence >= MaxFence:
		return Errorf(CodeInvalid, "a fence of %d: less than %d fits", fence, MaxFence)
	case name == "" || len(name) > maxName || strings.Trim(name, lower+"0123456789:") != "":
		return Errorf(CodeInvalid, "a name is 1 to %d of a-z, 0-9, - and :", maxName)
	case len(data) > MaxSnapshot:
		return Errorf(CodeInvalid, "%d bytes under one name: %d fit", len(data), MaxSnapshot)
	case data != nil && (ttl < time.Millisecond || ttl > maxSlateTTL):
		return Errorf(CodeInvalid, "a time to live of %v: 1ms to %v fit", ttl, maxSlateTTL)
	}
	return nil
}

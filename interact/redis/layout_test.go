package redis_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/interact"
	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/internal/redisproc"
	"github.com/cuelight/cuelight/sync/clock"
)

// TestLayout pins what nodes of neighbouring releases share.
func TestLayout(t *testing.T) {
	s := serve(t, redisproc.Options{})
	c := open(t, redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory, Shards: 16})
	p := interact.Poll{Channel: "show", Cue: "c1", Options: 3, Changes: true}
	votes := []interact.Vote{voteOf("ann", 2, 0x0102030405), voteOf("ann", 1, 0x0102030406)}
	votes[0].Attempt, votes[1].Attempt = 0xa1a2a3a4a5a6a7a8, 0xb1
	if err := c.Ballots().Cast(t.Context(), p, votes, make([]interact.Outcome, 2)); err != nil {
		t.Fatal(err)
	}
	get := func(name string) string {
		return hex.EncodeToString([]byte(fmt.Sprint(do(t, s, "HGET", "cl:{show/c1/8}:"+name, "ann"))))
	}
	if got, want := get("votes"), "0000000102030406"+"00009c40"+"0002"+"01"+"00000001"+"00000000000000b1"; got != want {
		t.Errorf("BA28 a vote is %s, want %s", got, want)
	}
	if got, want := get("past"), "a1a2a3a4a5a6a7a8"+"0000000102030405"+"0004"+"00"; got != want {
		t.Errorf("BA28 a former vote is %s, want %s", got, want)
	}
	if _, err := c.Ballots().Seal(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	got := do(t, s, "HMGET", "cl:{show/c1/8}:tally", "n", "c", "s", "0", "1", "2").([]any)
	if want := []any{"1", "1", "1", nil, "1", "0"}; !slices.Equal(got, want) {
		t.Errorf("BA28 the tally is %v, want %v", got, want)
	}
	if got := do(t, s, "GET", "cl:{layout}"); got != "16" {
		t.Errorf("BA28 the layout says %v", got)
	}
}

func TestShardOf(t *testing.T) {
	for who, want := range map[string]uint64{"": 0xcbf29ce484222325, "a": 0xaf63dc4c8601ec8c, "foobar": 0x85944171f73967e8} {
		if got := redisstore.HashOf(who); got != want {
			t.Errorf("BA28 hash of %q = %x, want %x", who, got, want)
		}
	}
}

// FuzzVote reads what may be in a server: a vote or an error.
func FuzzVote(f *testing.F) {
	f.Add("")
	f.Add("0123456789012345678")
	f.Add("012345678901234567890123456")
	f.Fuzz(func(t *testing.T, text string) {
		e, m, err := redisstore.ParseVote(text)
		if (err == nil) != (len(text) == 19 || len(text) == 27) {
			t.Fatalf("%q: %v", text, err)
		}
		if err == nil && (e.Credited != m.Credited || e.Choice != m.Choice) {
			t.Fatalf("%q: %+v, %+v", text, e, m)
		}
	})
}

// TestDamagedReplies reads what no function says.
func TestDamagedReplies(t *testing.T) {
	vote := string(make([]byte, 19))
	for _, tc := range []struct {
		name  string
		reply any
		ok    bool
	}{
		{"all new", []any{int64(7)}, true},
		{"one there before", []any{int64(7), int64(2), vote}, true},
		{"changed", []any{int64(7), int64(-1), vote}, true},
		{"nothing", nil, false},
		{"no list", "x", false},
		{"an empty list", []any{}, false},
		{"half a pair", []any{int64(7), int64(1)}, false},
		{"no number", []any{"7"}, false},
		{"a damaged vote", []any{int64(7), int64(1), "xyz"}, false},
		{"no vote", []any{int64(7), int64(1), nil, int64(1), nil}, false},
		{"a place that is not there", []any{int64(7), int64(9), vote}, false},
		{"places out of order", []any{int64(7), int64(2), vote, int64(1), vote}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			votes := []interact.Vote{voteOf("a", 1, clock.Instant(1)), voteOf("b", 1, 1)}
			out := make([]interact.Outcome, 2)
			if err := redisstore.ReadReply(tc.reply, votes, out); (err == nil) != tc.ok {
				t.Errorf("%v: %+v", err, out)
			}
		})
	}
}

// TestReleasesSideBySide has the functions of another release on the server.
func TestReleasesSideBySide(t *testing.T) {
	s := serve(t, redisproc.Options{})
	text, err := os.ReadFile("ballots.lua")
	if err != nil {
		t.Fatal(err)
	}
	do(t, s, "FUNCTION", "LOAD", strings.ReplaceAll(string(text), "VERSION", "other"))
	c := open(t, redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory, Shards: 16})
	cast(t, c, failing, voteOf("ann", 1, 1))
	do(t, s, "FCALL", "cuelight_seal_other", 1, "cl:{show/c1/8}:tally")
	if got := cast(t, c, failing, voteOf("ann", 1, 1)); got.Code != "" || got.Fresh {
		t.Errorf("BA25 after a seal of another release: %+v", got)
	}
	do(t, s, "FUNCTION", "DELETE", "cuelight_ballots_other")
	if got, err := c.Ballots().Seal(t.Context(), failing); err != nil || got.Total != 1 {
		t.Errorf("BA25 sealed as %+v, %v", got, err)
	}
}

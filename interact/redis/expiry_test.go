package redis_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/internal/redisproc"
)

// leftAlone uses everything that a client has for a show which nobody ends: a cue
// that was closed and never revealed, one that was never closed, one of which
// nothing came, answers that were changed.
func leftAlone(t *testing.T, c *redisstore.Client) {
	t.Helper()
	ctx, b := t.Context(), c.Ballots()
	out := make([]interact.Outcome, 1)
	for _, cue := range []string{"closed", "open", "changed"} {
		p := interact.Poll{Channel: "show", Cue: cue, Options: 4, Changes: cue == "changed"}
		for i, who := range []string{"ann", "bob", "ann"} {
			v := voteOf(who, i, 1)
			v.Attempt = interact.AttemptOf(fmt.Sprint("a", i))
			if err := b.Cast(ctx, p, []interact.Vote{v}, out); err != nil {
				t.Fatal(err)
			}
		}
		if cue != "open" {
			if _, err := b.Seal(ctx, p); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, empty := b.Seal(ctx, interact.Poll{Channel: "show", Cue: "empty", Options: 4})
	_, link := c.UseLink(ctx, "show", "link", "ann")
	give := c.Leaderboard().Give(ctx, interact.Board{Channel: "show", Show: "s1"}, "closed", map[string]int64{"ann": 1})
	if err := errors.Join(empty, link, give); err != nil {
		t.Fatal(err)
	}
	l := acquire(t, c.Leases(), "node", time.Minute)
	fence := interact.Fence(l.Fence)
	store := c.Store().Fenced(func(string) interact.Fence { return fence })
	replay := store.Replay(ctx, "show", func(interact.Record) error { return nil })
	records := []interact.Record{cueRecord("show", "one"), cueRecord("show", "two"), cueRecord("show", "three")}
	appended := store.Append(ctx, records)
	replaced := store.Replace(ctx, "show", records[1].Seq, []interact.Record{cueRecord("show", "both")})
	posted := c.Bus().Post(ctx, "show", fence, []interact.Post{viewers("a"), {Reach: interact.ReachNodes, Once: "x", Data: []byte("b")}}, []byte("all"))
	_, looked := c.Bus().Snapshot(ctx, "other")
	wrote := c.Slate().Write(ctx, "show", "timeline", fence, []byte("x"), time.Minute)
	announced := c.Nodes().Announce(ctx, redisstore.Node{ID: "n"}, time.Minute)
	if err := errors.Join(replay, appended, replaced, posted, looked, wrote, announced); err != nil {
		t.Fatal(err)
	}
}

// ends returns after how many ms each key ends; -1 for never.
func ends(t *testing.T, s *redisproc.Server) map[string]time.Duration {
	t.Helper()
	keys, ok := do(t, s, "KEYS", "*").([]any)
	if !ok {
		t.Fatal("no keys")
	}
	all := make(map[string]time.Duration)
	for _, key := range keys {
		ms, _ := do(t, s, "PTTL", key).(int64)
		if ms > 0 {
			all[fmt.Sprint(key)] = time.Duration(ms) * time.Millisecond
		} else if ms == -1 {
			all[fmt.Sprint(key)] = -1
		}
	}
	return all
}

func TestEveryKeyEnds(t *testing.T) {
	s := serve(t, redisproc.Options{})
	c := open(t, redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory, Shards: 2})
	leftAlone(t, c)
	all := ends(t, s)
	if len(all) < 30 {
		t.Errorf("only %d keys: %v", len(all), all)
	}
	for key, left := range all {
		if key == "cl:{layout}" {
			continue // of the installation, not of a show
		}
		if left < time.Second || left > redisstore.Kept {
			t.Errorf("BA31 %s ends in %v", key, left)
		}
	}
}

// ofAChannel are the names of what ends with a channel that nobody follows.
var ofAChannel = []string{"bus", "posts", "snapshot", "once", "log:meta", "log", "log:base", "links", "used"}

// TestWhatIsFollowedStays has a node that follows a channel whose time is nearly
// over, and one of which the posts and the log were told to end.
func TestWhatIsFollowedStays(t *testing.T) {
	s := serve(t, redisproc.Options{})
	c := open(t, redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory, Shards: 2})
	leftAlone(t, c)
	for _, name := range ofAChannel {
		do(t, s, "PEXPIRE", c.Key("show", name), 60_000)
	}
	_, link := c.UseLink(t.Context(), "other", "link", "ann")
	appended := c.Store().Append(t.Context(), []interact.Record{cueRecord("other", "one")})
	bus, log := c.Bus().Expire(t.Context(), "other", time.Minute), c.Store().Expire(t.Context(), "other", time.Minute)
	if err := errors.Join(link, appended, bus, log); err != nil {
		t.Fatal(err)
	}
	do(t, s, "PEXPIRE", c.Key("other", "links"), 60_000)
	for _, channel := range []string{"show", "other"} {
		at, err := c.Bus().Snapshot(t.Context(), channel)
		if err != nil {
			t.Fatal(err)
		}
		go c.Bus().Follow(t.Context(), channel, at.Place, hearer(nil)) // nothing is said any more
	}
	kept := []string{c.Key("other", "links")}
	for _, name := range ofAChannel {
		kept = append(kept, c.Key("show", name))
	}
	for deadline := time.Now().Add(patience); ; {
		all := ends(t, s)
		if !slices.ContainsFunc(kept, func(key string) bool { return all[key] < redisstore.Kept-time.Minute }) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("BA31 a channel that is followed ends: %v", all)
		}
	}
	for _, name := range []string{"bus", "log", "log:meta"} {
		if left := ends(t, s)[c.Key("other", name)]; left > time.Minute || left < time.Second {
			t.Errorf("BA31 %s was told to end in a minute and ends in %v", name, left)
		}
	}
}

// TestWritingKeeps writes when the time of what is there is nearly over.
func TestWritingKeeps(t *testing.T) {
	s := serve(t, redisproc.Options{})
	c := open(t, redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory, Shards: 1})
	leftAlone(t, c)
	for key := range ends(t, s) {
		do(t, s, "PEXPIRE", key, 60_000)
	}
	p := interact.Poll{Channel: "show", Cue: "changed", Options: 4, Changes: true}
	was := ends(t, s)
	v := voteOf("ann", 1, 1)
	v.Attempt = 77
	q := interact.Poll{Channel: "show", Cue: "open", Options: 4}
	for _, poll := range []interact.Poll{p, q} {
		if err := c.Ballots().Cast(t.Context(), poll, []interact.Vote{v, voteOf("cid", 2, 1)}, make([]interact.Outcome, 2)); err != nil {
			t.Fatal(err)
		}
	}
	appended := c.Store().Append(t.Context(), []interact.Record{cueRecord("show", "four")})
	posted := c.Bus().Post(t.Context(), "show", 0, []interact.Post{{Reach: interact.ReachNodes, Once: "y", Data: []byte("b")}}, nil)
	if err := errors.Join(appended, posted); err != nil {
		t.Fatal(err)
	}
	now := ends(t, s)
	for _, key := range []string{
		"cl:{show/open/0}:tally", "cl:{show/open/0}:votes", "cl:{show}:log", "cl:{show}:log:meta", "cl:{show}:log:base",
		"cl:{show}:bus", "cl:{show}:posts", "cl:{show}:snapshot", "cl:{show}:once",
	} {
		if now[key] < redisstore.Kept-time.Minute {
			t.Errorf("BA31 %s ends in %v, and before it was written in %v", key, now[key], was[key])
		}
	}
	if err := c.Ballots().Expire(t.Context(), q, time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := c.Ballots().Cast(t.Context(), q, []interact.Vote{voteOf("dan", 2, 1)}, make([]interact.Outcome, 1)); err != nil {
		t.Fatal(err)
	}
	if now = ends(t, s); now["cl:{show/open/0}:tally"] > time.Minute || now["cl:{show/open/0}:votes"] > time.Minute {
		t.Errorf("BA11 what was let go ends in %v, %v", now["cl:{show/open/0}:tally"], now["cl:{show/open/0}:votes"])
	}
}

package redis_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/internal/redisproc"
)

func cueRecord(channel, text string) interact.Record {
	return interact.Record{Channel: channel, Kind: interact.RecordCue, Cue: "c1", Data: []byte(text)}
}

func write(t *testing.T, s *redisstore.Store, texts ...string) {
	t.Helper()
	var records []interact.Record
	for _, text := range texts {
		records = append(records, cueRecord("show", text))
	}
	if err := s.Append(t.Context(), records); err != nil {
		t.Fatal(err)
	}
}

func wantLog(t *testing.T, s *redisstore.Store, want ...string) {
	t.Helper()
	var got []string
	err := s.Replay(t.Context(), "show", func(r interact.Record) error {
		got = append(got, string(r.Data))
		return nil
	})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("the log is %q (%v), want %q", got, err, want)
	}
}

func TestStoreFences(t *testing.T) {
	c := alone(t)(t)
	var fence atomic.Uint64
	fence.Store(5)
	old := c.Store().Fenced(func(string) interact.Fence { return interact.Fence(fence.Load()) })
	next := c.Store().Fenced(func(string) interact.Fence { return 6 })
	write(t, old, "one")
	wantLog(t, next, "one") // takes the fence up
	if err := old.Append(t.Context(), []interact.Record{cueRecord("show", "no")}); !errors.Is(err, interact.ErrFenced) {
		t.Errorf("ST33 the one before appends after the replay: %v", err)
	}
	if err := old.Replace(t.Context(), "show", 1, nil); !errors.Is(err, interact.ErrFenced) {
		t.Errorf("ST33 the one before replaces: %v", err)
	}
	if err := old.Replay(t.Context(), "show", func(interact.Record) error { return nil }); !errors.Is(err, interact.ErrFenced) {
		t.Errorf("ST33 the one before replays: %v", err)
	}
	write(t, next, "two")
	if err := old.Append(t.Context(), []interact.Record{cueRecord("other", "mine"), cueRecord("show", "no")}); !errors.Is(err, interact.ErrFenced) {
		t.Errorf("ST33 with another channel: %v", err)
	}
	fence.Store(0)
	if err := old.Append(t.Context(), []interact.Record{cueRecord("other", "no")}); !errors.Is(err, interact.ErrFenced) {
		t.Errorf("ST33 without a lease: %v", err)
	}
	wantLog(t, next, "one", "two")
	if err := c.Store().Replay(t.Context(), "other", func(r interact.Record) error { return fmt.Errorf("%s is there", r.Data) }); err != nil {
		t.Errorf("ST2 %v", err)
	}
}

func TestAppendInDoubt(t *testing.T) {
	server := serve(t, redisproc.Options{})
	cfg := redisstore.Config{Addresses: []string{server.Addr}, Level: interact.LevelMemory, Timeout: 200 * time.Millisecond, ReplicaTimeout: 100 * time.Millisecond}
	s := open(t, cfg).Store()
	write(t, s, "one")
	if err := server.Freeze(); err != nil {
		t.Fatal(err)
	}
	for i := range 100 { // the first ones reach the server, which does them after the thaw
		err := s.Append(t.Context(), []interact.Record{cueRecord("show", fmt.Sprint("no ", i))})
		if interact.CodeOf(err) != interact.CodeUnavailable {
			t.Fatalf("a frozen server: %v", err)
		}
	}
	if err := server.Thaw(); err != nil {
		t.Fatal(err)
	}
	two := []interact.Record{cueRecord("show", "two")}
	for began := time.Now(); ; {
		err := s.Append(t.Context(), two)
		if err == nil {
			break
		}
		if time.Since(began) > patience {
			t.Fatal(err)
		}
	}
	wantLog(t, s, "one", "two")
	write(t, s, "three")
	wantLog(t, s, "one", "two", "three")
}

func TestAppendWithoutReplicas(t *testing.T) {
	primary := serve(t, redisproc.Options{})
	replica := serve(t, redisproc.Options{ReplicaOf: primary.Addr})
	c := open(t, redisstore.Config{Addresses: []string{primary.Addr}, Level: interact.LevelReplicated, ReplicaTimeout: 200 * time.Millisecond})
	s := c.Store()
	write(t, s, "one")
	replica.Kill()
	if err := s.Append(t.Context(), []interact.Record{cueRecord("show", "no")}); interact.CodeOf(err) != interact.CodeUnavailable {
		t.Errorf("ST34 nobody has copied it: %v", err)
	}
	if err := c.Bus().Post(t.Context(), "show", 1, []interact.Post{once("x", "a")}, nil); interact.CodeOf(err) != interact.CodeUnavailable {
		t.Errorf("ST34 a post that nobody has copied: %v", err)
	}
	if err := replica.Restart(); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); ; {
		err := s.Append(t.Context(), []interact.Record{cueRecord("show", "two")})
		if err == nil {
			break
		}
		if time.Since(began) > patience {
			t.Fatal(err)
		}
	}
	wantLog(t, s, "one", "two")
	if err := c.Bus().Post(t.Context(), "show", 1, []interact.Post{once("x", "a")}, nil); err != nil {
		t.Fatal(err)
	}
	posts, err := c.Bus().Recent(t.Context(), "show", 0)
	if err != nil || len(posts) != 1 {
		t.Errorf("BU3 %d posts, %v", len(posts), err)
	}
}

func once(name, data string) interact.Post {
	return interact.Post{Reach: interact.ReachViewers, Once: name, Data: []byte(data)}
}

func TestDamagedLog(t *testing.T) {
	for name, damage := range map[string]struct {
		args [][]any
		says string
	}{
		"changed data":    {[][]any{{"XDEL", "log", "3-0"}, {"XSETID", "log", "2-0"}, {"XADD", "log", "3-0", "k", "1", "c", "c1", "s", "0", "d", "three"}}, "record 3 of channel show"},
		"one is missing":  {[][]any{{"XDEL", "log", "2-0"}}, "it should have 0 and 3"},
		"one too many":    {[][]any{{"XADD", "log", "9-0", "k", "1", "c", "c1", "s", "0", "d", "nine"}}, "it should have 0 and 3"},
		"all are missing": {[][]any{{"DEL", "log"}}, "it should have 0 and 3"},
		"one misplaced":   {[][]any{{"XDEL", "log", "2-0"}, {"XADD", "log", "9-0", "k", "1", "c", "c1", "s", "0", "d", "nine"}}, "of 0 and 3 records 0 and 2"},
		"what should be":  {[][]any{{"DEL", "log:meta"}}, "it should have 0 and 0"},
	} {
		t.Run(name, func(t *testing.T) {
			c := alone(t)(t)
			s := c.Store()
			write(t, s, "one", "two", "three")
			for _, args := range damage.args {
				key := c.Key("show", args[1].(string))
				args[1] = key
				if _, err := c.Do(t.Context(), key, args...); err != nil {
					t.Fatal(err)
				}
			}
			err := s.Replay(t.Context(), "show", func(interact.Record) error { return nil })
			if err == nil || !strings.Contains(err.Error(), damage.says) || !strings.Contains(err.Error(), "show") {
				t.Errorf("ST13 err = %v, want one that says %q", err, damage.says)
			}
		})
	}
}

func TestLogSurvivesRestart(t *testing.T) {
	server := serve(t, redisproc.Options{Args: redisproc.Durable()})
	s := open(t, redisstore.Config{Addresses: []string{server.Addr}}).Store()
	if got := s.Level(); got != interact.LevelLog {
		t.Errorf("ST10 level %q", got)
	}
	write(t, s, "one", "two", "three")
	if err := s.Replace(t.Context(), "show", 2, []interact.Record{cueRecord("show", "one and two")}); err != nil {
		t.Fatal(err)
	}
	if err := server.Restart(); err != nil { // killed first
		t.Fatal(err)
	}
	for began := time.Now(); ; {
		if err := s.Append(t.Context(), []interact.Record{cueRecord("show", "four")}); err == nil {
			break
		} else if time.Since(began) > patience {
			t.Fatal(err)
		}
	}
	wantLog(t, s, "one and two", "three", "four")
}

func TestLogExpires(t *testing.T) {
	c := alone(t)(t)
	s := c.Store()
	write(t, s, "one")
	for _, after := range []time.Duration{time.Hour, 0} {
		if err := s.Expire(t.Context(), "show", after); err != nil {
			t.Fatal(err)
		}
	}
	wantLog(t, s)
	write(t, s, "two", "three")
	if err := s.Replace(t.Context(), "show", 1, []interact.Record{cueRecord("show", "2")}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"log", "log:meta", "log:base"} {
		wantTTL(t, c, key, false)
	}
	if err := s.Expire(t.Context(), "show", time.Hour); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"log", "log:meta", "log:base"} {
		wantTTL(t, c, key, true)
	}
	write(t, s, "four") // the show goes on
	for _, key := range []string{"log", "log:meta", "log:base"} {
		wantTTL(t, c, key, false)
	}
	wantLog(t, s, "2", "three", "four")
}

// wantTTL wants a key to end within an hour, or as late as what nobody lets go.
func wantTTL(t *testing.T, c *redisstore.Client, name string, soon bool) {
	t.Helper()
	key := c.Key("show", name)
	got, err := c.Do(t.Context(), key, "PTTL", key)
	ms, _ := got.(int64)
	least, most := redisstore.Kept-time.Hour, redisstore.Kept
	if soon {
		least, most = time.Millisecond, time.Hour
	}
	if err != nil || ms < least.Milliseconds() || ms > most.Milliseconds() {
		t.Errorf("%s is kept for %v ms (%v), want %v to %v", key, got, err, least, most)
	}
}

func TestBusExpiresUnlessItGoesOn(t *testing.T) {
	c := alone(t)(t)
	b := c.Bus()
	if err := b.Post(t.Context(), "show", 1, []interact.Post{once("x", "a")}, []byte("a")); err != nil {
		t.Fatal(err)
	}
	keys := []string{"bus", "posts", "snapshot", "once"}
	if err := b.Expire(t.Context(), "show", time.Hour); err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		wantTTL(t, c, key, true)
	}
	if err := b.Post(t.Context(), "show", 1, []interact.Post{once("y", "b")}, nil); err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		wantTTL(t, c, key, false)
	}
}

func TestNothingStaysOfAShow(t *testing.T) {
	c := alone(t)(t)
	b, s := c.Bus(), c.Store()
	write(t, s, "one", "two")
	err := errors.Join(
		b.Post(t.Context(), "show", 1, []interact.Post{once("x", "a")}, []byte("a")),
		s.Replace(t.Context(), "show", 1, []interact.Record{cueRecord("show", "1")}),
		c.Slate().Write(t.Context(), "show", "timeline", 1, []byte("x"), time.Minute),
		b.Expire(t.Context(), "show", 0), s.Expire(t.Context(), "show", 0), c.Slate().Clear(t.Context(), "show"),
	)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := c.Do(t.Context(), c.Key("show", ""), "KEYS", c.Key("show", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys.([]any) {
		ttl, err := c.Do(t.Context(), k.(string), "PTTL", k)
		if err != nil || ttl.(int64) <= 0 || ttl.(int64) > (20*time.Minute).Milliseconds() {
			t.Errorf("D67 %v stays for %v ms, %v", k, ttl, err)
		}
	}
}

func TestReplayOfALargeLog(t *testing.T) {
	s := alone(t)(t).Store()
	big := strings.Repeat("x", interact.MaxRecord)
	var want []string
	for i := range 3000 {
		want = append(want, fmt.Sprint(i))
	}
	for i := 0; i < len(want); i += 1000 {
		write(t, s, want[i:i+1000]...)
		write(t, s, big)
	}
	n, bigs := 0, 0
	err := s.Replay(t.Context(), "show", func(r interact.Record) error {
		if string(r.Data) == big {
			bigs++
			return nil
		}
		if string(r.Data) != want[n] {
			return fmt.Errorf("%.20q in the place of %s", r.Data, want[n])
		}
		n++
		return nil
	})
	if err != nil || n != len(want) || bigs != 3 {
		t.Errorf("ST1 %d records and %d large ones, %v", n, bigs, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = s.Replay(ctx, "show", func(interact.Record) error {
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ST6 ended meanwhile: %v", err)
	}
}

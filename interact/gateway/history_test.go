package gateway

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/interact/wire"
)

func logged(t interface{ Fatal(...any) }, l *history, text string, now time.Time) {
	b, err := newBroadcast(&wire.CueChanged{Cue: wire.Cue{ID: "c1", Note: text}}, l.last+1)
	if err != nil {
		t.Fatal(err)
	}
	l.add(b, now)
}

func TestHistoryIsBounded(t *testing.T) {
	t.Run("GW28 by count", func(t *testing.T) {
		l, now := newHistory(), time.Unix(1_800_000_000, 0)
		for range maxHistory + 76 {
			logged(t, &l, "", now)
		}
		if got, ok := l.since(&wire.Resume{Epoch: l.epoch, Offset: 76}, now); !ok || len(got) != maxHistory || got[0].b.offset != 77 {
			t.Errorf("after 76: %d messages, %v", len(got), ok)
		}
		if _, ok := l.since(&wire.Resume{Epoch: l.epoch, Offset: 75}, now); ok {
			t.Error("the log goes further back than it may")
		}
	})
	t.Run("GW28 by bytes", func(t *testing.T) {
		l, now := newHistory(), time.Unix(1_800_000_000, 0)
		for range 9 {
			logged(t, &l, strings.Repeat("x", maxHistoryBytes/8), now)
		}
		if l.bytes > maxHistoryBytes || len(l.kept) != 7 {
			t.Errorf("%d bytes in %d messages", l.bytes, len(l.kept))
		}
	})
	t.Run("GW28 by age", func(t *testing.T) {
		l, start := newHistory(), time.Unix(1_800_000_000, 0)
		logged(t, &l, "", start)
		logged(t, &l, "", start.Add(time.Minute))
		from := &wire.Resume{Epoch: l.epoch}
		if got, ok := l.since(from, start.Add(maxHistoryAge)); !ok || len(got) != 2 {
			t.Errorf("at the limit: %d messages, %v", len(got), ok)
		}
		if _, ok := l.since(from, start.Add(maxHistoryAge+time.Second)); ok {
			t.Error("a message is kept for longer than it may")
		}
		if got, ok := l.since(&wire.Resume{Epoch: l.epoch, Offset: 2}, start.Add(time.Hour)); !ok || len(got) != 0 {
			t.Errorf("who knows the last message: %d missed, %v", len(got), ok)
		}
	})
}

func TestHistoryOfOthers(t *testing.T) {
	l, now := newHistory(), time.Unix(1_800_000_000, 0)
	logged(t, &l, "", now)
	if other := newHistory(); other.epoch == l.epoch || len(l.epoch) > wire.MaxEpoch {
		t.Errorf("GW28 epochs %q and %q", l.epoch, other.epoch)
	}
	for name, r := range map[string]*wire.Resume{
		"GW28 nothing asked":     nil,
		"GW28 another epoch":     {Epoch: "x", Offset: 1},
		"GW28 of the future":     {Epoch: l.epoch, Offset: 2},
		"GW28 far in the future": {Epoch: l.epoch, Offset: 1<<64 - 1},
	} {
		if _, ok := l.since(r, now); ok {
			t.Errorf("%s: resumed", name)
		}
	}
}

// TestHistoryTellsAll: whatever was written when, a reader gets all that came
// after its offset or nothing, and what it holds never changes under it.
func TestHistoryTellsAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, now := newHistory(), time.Unix(1_800_000_000, 0)
		type reader struct {
			from uint64
			got  []kept
		}
		var readers []reader
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "seconds")) * time.Second)
			for range rapid.IntRange(0, 80).Draw(t, "messages") {
				logged(t, &l, strings.Repeat("x", rapid.IntRange(0, 3000).Draw(t, "size")), now)
			}
			from := uint64(rapid.IntRange(0, int(l.last)+1).Draw(t, "from"))
			if got, ok := l.since(&wire.Resume{Epoch: l.epoch, Offset: from}, now); ok {
				readers = append(readers, reader{from, got})
				if want := l.last - from; uint64(len(got)) != want {
					t.Fatalf("GW27 %d of %d", len(got), want)
				}
			}
			if l.bytes > maxHistoryBytes || len(l.kept) > maxHistory {
				t.Fatalf("GW28 %d messages, %d bytes", len(l.kept), l.bytes)
			}
		}
		for _, r := range readers {
			for i, k := range r.got {
				if k.b.offset != r.from+1+uint64(i) {
					t.Fatalf("GW27 message %d after %d has offset %d", i, r.from, k.b.offset)
				}
			}
		}
	})
}

func TestRate(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var r rate
	for range 30 {
		r.add(now)
	}
	r.add(now.Add(4 * time.Second))
	for _, tc := range []struct {
		after time.Duration
		want  float64
	}{{-time.Second, 3.1}, {4 * time.Second, 3.1}, {9 * time.Second, 3.1}, {10 * time.Second, 0.1}, {13 * time.Second, 0.1}, {14 * time.Second, 0}, {time.Hour, 0}} {
		if got := r.perSecond(now.Add(tc.after)); got != tc.want {
			t.Errorf("GW30 after %v: %v/s, want %v", tc.after, got, tc.want)
		}
	}
}

// TestPick: a sample has no viewer twice, and none is left out for good.
func TestPick(t *testing.T) {
	hits := make([]int, 200)
	for range 2000 {
		sample := pick(50, len(hits))
		slices.Sort(sample)
		if len(sample) != 50 || len(slices.Compact(slices.Clone(sample))) != 50 || sample[0] < 0 || sample[49] >= len(hits) {
			t.Fatalf("GW31 sample %v", sample)
		}
		for _, i := range sample {
			hits[i]++
		}
	}
	for i, n := range hits { // 500 expected, σ = 19
		if n < 380 || n > 620 {
			t.Errorf("GW31 viewer %d is in %d of 2000 samples", i, n)
		}
	}
	for _, tc := range []struct{ n, total, want int }{{50, 0, 0}, {50, 3, 3}, {0, 9, 0}, {-1, 9, 0}} {
		if got := pick(tc.n, tc.total); len(got) != tc.want {
			t.Errorf("GW31 pick(%d, %d) = %v", tc.n, tc.total, got)
		}
	}
}

func TestGuessesAreLimited(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var a attempts
	far, local := netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("127.0.0.1")
	for range maxGuesses {
		if a.barred(far, now) {
			t.Fatal("GW34 barred too early")
		}
		a.wrong(far, now)
		a.wrong(local, now)
	}
	if !a.barred(far, now) || a.barred(local, now) || a.barred(netip.MustParseAddr("203.0.113.10"), now) {
		t.Error("GW34 want the one address barred and no other")
	}
	if a.barred(far, now.Add(guessWindow)) {
		t.Error("GW34 still barred after a minute")
	}
	for i := range 2 * maxGuessers {
		a.wrong(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now)
	}
	if len(a.from) > maxGuessers {
		t.Errorf("GW34 %d addresses remembered", len(a.from))
	}
}

func TestComeBack(t *testing.T) {
	g := &Gateway{lim: Limits{}.withDefaults()}
	for _, tc := range []struct {
		viewers int
		within  time.Duration
	}{{1, 0}, {40, 10 * time.Millisecond}, {19_000, 5 * time.Second}} {
		if last := g.comeBack(tc.viewers - 1); last > tc.within {
			t.Errorf("GW35 the last of %d comes after %v", tc.viewers, last)
		}
	}
	for _, rate := range []int{g.lim.ComeBack, 100, 50_000} {
		g.lim.ComeBack = rate
		if first, second := g.comeBack(0), g.comeBack(rate); second-first != time.Second {
			t.Errorf("GW35 %s", fmt.Sprint(first, second))
		}
	}
}

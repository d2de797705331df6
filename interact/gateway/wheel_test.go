package gateway

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestWheel: everybody is due once, in the tick it was planned for, unless it
// was taken out before.
func TestWheel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w wheel
		now := 0
		planned := map[*conn]int{}
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				c := new(conn)
				delay := time.Duration(rapid.IntRange(0, int(70*time.Second)).Draw(t, "delay"))
				w.add(c, delay)
				planned[c] = now + min(max(int(delay/wheelTick), 1), wheelSlots-1)
			case 1:
				for c := range planned {
					w.remove(c)
					w.remove(c) // harmless
					delete(planned, c)
					break
				}
			default:
				now++
				for _, c := range w.turn() {
					if planned[c] != now {
						t.Fatalf("GW10 due in tick %d, planned for %d", now, planned[c])
					}
					delete(planned, c)
				}
				for _, tick := range planned {
					if tick <= now {
						t.Fatalf("GW10 tick %d passed without the one planned for %d", now, tick)
					}
				}
			}
		}
	})
}

func TestBarredIsBounded(t *testing.T) {
	var b barred
	now := time.Unix(1_800_000_000, 0)
	who := func(i int) offender { return offender{"show", fmt.Sprint("p", i)} }
	for i := range maxBarred + 10 {
		b.add(who(i), now)
	}
	b.add(who(maxBarred), now) // again: its time does not begin anew
	if len(b.until) != maxBarred || len(b.order) != maxBarred {
		t.Errorf("GW20 %d and %d are remembered, want %d", len(b.until), len(b.order), maxBarred)
	}
	if b.has(who(9), now) || !b.has(who(10), now) || !b.has(who(maxBarred+9), now) {
		t.Error("GW20 others than the first ones were let in early")
	}
	if b.has(who(20), now.Add(barredFor)) || len(b.until) != 0 || len(b.order) != 0 {
		t.Errorf("GW20 %d and %d are left when the time is over", len(b.until), len(b.order))
	}
}

func TestStrikesAreOfOneMinute(t *testing.T) {
	var s strikes
	second := moment(time.Second)
	for i := range 4 {
		s.add(1 + moment(i)*second)
	}
	if s.n != 4 {
		t.Errorf("GW8 %d strikes, want 4", s.n)
	}
	if s.add(62 * second); s.n != 1 {
		t.Errorf("GW8 %d strikes after a minute, want 1", s.n)
	}
}

func TestTidyAfterARush(t *testing.T) {
	var d tidy
	now := time.Unix(1_800_000_000, 0)
	for i, tc := range []struct {
		accepted uint64
		after    time.Duration
		want     bool
	}{
		{800, wheelTick, false},        // coming in
		{2400, wheelTick, false},       //
		{2410, wheelTick, true},        // over
		{2410, wheelTick, false},       // once
		{9000, wheelTick, false},       // coming in
		{9000, wheelTick, false},       // over, but so soon after
		{9000, 30 * time.Second, true}, //
		{9900, wheelTick, false},       //
		{9900, time.Minute, false},     // too few to be worth it
	} {
		now = now.Add(tc.after)
		if got := d.due(tc.accepted, now); got != tc.want {
			t.Errorf("GW22 step %d: %v, want %v", i, got, tc.want)
		}
	}
}

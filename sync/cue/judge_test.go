package cue_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

func TestJudge(t *testing.T) {
	q := taken(t)
	// fibre: G = 12/2 + 4 + 50 → 100 ms (least), ε = 5 ms.
	// mobile: G = 120/2 + 90 + 50 = 200 ms, ε = 20 ms.
	at := func(stamp, received clock.Instant) cue.Attempt {
		return cue.Attempt{Stamp: stamp, Received: received, RTTMin: 12 * ms, Jitter: 4 * ms, Dispersion: 2 * ms}
	}
	mobile := func(stamp, received clock.Instant) cue.Attempt {
		return cue.Attempt{Stamp: stamp, Received: received, RTTMin: 120 * ms, Jitter: 90 * ms, Dispersion: 20 * ms}
	}
	plain := func(received clock.Instant, rtt time.Duration) cue.Attempt {
		return cue.Attempt{Received: received, RTTMin: rtt}
	}
	held := func(a cue.Attempt, delay time.Duration) cue.Attempt {
		a.Delay = delay
		return a
	}
	mid := o.Add(5 * time.Second)
	for _, tc := range []struct {
		name     string
		a        cue.Attempt
		credited clock.Instant // zero if refused
		want     cue.Verdict
	}{
		{"CU6 credits the stamp", at(mid, mid.Add(30*ms)), mid, cue.Accepted},
		{"CU6 credits at most G before receipt", at(mid, mid.Add(103*ms)), mid.Add(3 * ms), cue.Accepted},
		{"CU6 credits nothing after receipt", at(mid.Add(4*ms), mid), mid, cue.Accepted},
		{"CU6 a stamp just inside C counts during the grace", at(c-1, c.Add(90*ms)), c - 1, cue.Accepted},
		{"CU6 clock error past C is granted, but credited inside", at(c.Add(4*ms), c.Add(60*ms)), c - 1, cue.Accepted},
		{"CU6 a slow line has a longer grace", mobile(c.Add(-10*ms), c.Add(190*ms)), c.Add(-10 * ms), cue.Accepted},

		{"CU7 received before O", at(o.Add(-50*ms), o.Add(-20*ms)), 0, cue.Early},
		{"CU7 stamped before O", at(o.Add(-20*ms), o.Add(30*ms)), 0, cue.Early},
		{"CU7 quicker than a person", at(o.Add(119*ms), o.Add(140*ms)), 0, cue.TooFast},
		{"CU7 as quick as a person", at(o.Add(120*ms), o.Add(140*ms)), o.Add(120 * ms), cue.Accepted},
		{"CU7 quicker than a person by its own stamp", at(o.Add(118*ms), o.Add(222*ms)), 0, cue.TooFast},
		{"CU7 quicker than a person by receipt", at(o.Add(121*ms), o.Add(118*ms)), 0, cue.TooFast},

		{"CU8 stamped after C and its clock error", at(c.Add(5*ms), c.Add(20*ms)), 0, cue.Late},
		{"CU8 under way longer than its grace", at(c.Add(-2*ms), c.Add(101*ms)), 0, cue.Late},
		{"CU8 a slow line has its limit too", mobile(c.Add(-10*ms), c.Add(201*ms)), 0, cue.Late},
		{"CU8 the tally is final", at(c-1, c.Add(500*ms)), 0, cue.Finished},

		{"CU9 no stamp: receipt less half the round trip", plain(mid, 100*ms), mid.Add(-50 * ms), cue.Accepted},
		{"CU9 at most 250 ms", plain(mid, 5*time.Second), mid.Add(-250 * ms), cue.Accepted},
		{"CU9 no stamp after C, sent before it", plain(c.Add(40*ms), 100*ms), c.Add(-10 * ms), cue.Accepted},
		{"CU9 no stamp, sent after C", plain(c.Add(51*ms), 100*ms), 0, cue.Late},
		{"CU9 no stamp, too quick", plain(o.Add(150*ms), 100*ms), 0, cue.TooFast},
		{"CU9 a nonsense round trip helps nobody", plain(mid, -time.Hour), mid, cue.Accepted},
		{"CU9 unsynced counts as without a stamp", cue.Attempt{Stamp: mid.Add(-80 * ms), Received: mid, RTTMin: 40 * ms, Dispersion: 51 * ms}, mid.Add(-20 * ms), cue.Accepted},
		{"CU9 a stamp from before its line can explain", at(mid.Add(-3*time.Second), mid), mid.Add(-6 * ms), cue.Accepted},
		{"CU9 a stamp from the future", at(mid.Add(time.Minute), mid), mid.Add(-6 * ms), cue.Accepted},
		{"CU9 a stamp held back over C does not buy time", at(c.Add(-5*time.Second), c.Add(30*ms)), 0, cue.Late},
		{"CU9 the smallest stamp there is", at(-1<<63, mid), mid.Add(-6 * ms), cue.Accepted},
		{"CU9 the largest stamp there is", at(1<<63-1, mid), mid.Add(-6 * ms), cue.Accepted},

		{"CU17 held back as it was asked to, credited with the tap", held(at(mid, mid.Add(330*ms)), 300*ms), mid, cue.Accepted},
		{"CU17 held back for longer, credited with what it was asked", held(at(mid, mid.Add(402*ms)), 300*ms), mid.Add(2 * ms), cue.Accepted},
		{"CU17 sent at once although asked to wait", held(at(mid, mid.Add(30*ms)), 300*ms), mid, cue.Accepted},
		{"CU17 held back over C", held(at(c.Add(-10*ms), c.Add(330*ms)), 300*ms), c.Add(-10 * ms), cue.Accepted},
		{"CU17 held back beyond C and its own delay", held(at(c.Add(-10*ms), c.Add(401*ms)), 300*ms), 0, cue.Late},
		{"CU17 the tally is final all the same", held(at(c-1, c.Add(500*ms)), 500*ms), 0, cue.Finished},
		{"CU17 no stamp: what it was asked to wait comes off", held(plain(mid, 100*ms), 300*ms), mid.Add(-350 * ms), cue.Accepted},
		{"CU17 no stamp, sent at once after O", held(plain(o.Add(200*ms), 100*ms), 300*ms), o.Add(120 * ms), cue.Accepted},
		{"CU17 no stamp, over C", held(plain(c.Add(340*ms), 100*ms), 300*ms), c.Add(-10 * ms), cue.Accepted},
		{"CU17 no stamp, too quick", held(plain(o.Add(150*ms), 100*ms), 300*ms), 0, cue.TooFast},
		{"CU17 nobody is asked to wait for longer than half a second", held(plain(mid, 0), time.Hour), mid.Add(-500 * ms), cue.Accepted},
		{"CU17 nor for less than nothing", held(plain(mid, 0), -time.Hour), mid, cue.Accepted},
	} {
		t.Run(tc.name, func(t *testing.T) {
			credited, got := q.Judge(tc.a)
			if got != tc.want || credited != tc.credited {
				t.Errorf("verdict %d credited O%+v, want %d O%+v", got, credited.Sub(o), tc.want, tc.credited.Sub(o))
			}
		})
	}
}

func TestJudgeByFate(t *testing.T) {
	mid := cue.Attempt{Received: o.Add(5 * time.Second)}
	q := taken(t)
	cancelled, _ := q.Cancel(o.Add(-time.Second))
	void, _ := q.Cancel(o.Add(time.Second))
	revealed, _ := q.Reveal(c.Add(time.Second))
	for _, tc := range []struct {
		name string
		q    cue.Cue
		want cue.Verdict
	}{
		{"CU10 never taken", cue.New(time.Minute), cue.NotOnAir},
		{"CU10 cancelled", cancelled, cue.Withdrawn},
		{"CU10 void", void, cue.Withdrawn},
		{"CU10 revealed, whatever the answer says of its time", revealed, cue.Finished},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if credited, got := tc.q.Judge(mid); got != tc.want || credited != 0 {
				t.Errorf("verdict %d credited %d, want %d", got, credited, tc.want)
			}
		})
	}
}

func TestGraceAndMargin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := attempt(t)
		if g := a.Grace(); g < 100*ms || g > cue.GraceMax {
			t.Fatalf("CU6 grace %v", g)
		}
		if e := a.Margin(); e < 5*ms || e > 50*ms {
			t.Fatalf("CU6 margin %v", e)
		}
	})
}

// attempt draws any attempt, sensible or not.
func attempt(t *rapid.T) cue.Attempt {
	received := o.Add(time.Duration(rapid.Int64Range(-3_000, 24_000).Draw(t, "received")) * ms)
	a := cue.Attempt{
		Received:   received,
		RTTMin:     time.Duration(rapid.Int64().Draw(t, "rtt")),
		Jitter:     time.Duration(rapid.Int64().Draw(t, "jitter")),
		Dispersion: time.Duration(rapid.Int64Range(-10, 80).Draw(t, "dispersion")) * ms,
		Delay:      time.Duration(max(0, rapid.Int64Range(-250, 500).Draw(t, "delay"))) * ms,
	}
	if rapid.Bool().Draw(t, "sane line") {
		a.RTTMin, a.Jitter = a.RTTMin%(800*ms), a.Jitter%(300*ms)
	}
	if rapid.Bool().Draw(t, "near") {
		a.Stamp = received.Add(time.Duration(rapid.Int64Range(-700, 100).Draw(t, "away")) * ms)
	} else {
		a.Stamp = clock.Instant(rapid.Int64().Draw(t, "stamp"))
	}
	return a
}

func TestJudgeProperties(t *testing.T) {
	q := taken(t)
	rapid.Check(t, func(t *rapid.T) {
		a := attempt(t)
		credited, v := q.Judge(a)
		if v != cue.Accepted {
			if credited != 0 {
				t.Fatalf("CU6 refused with %d but credited", v)
			}
			return
		}
		if credited < o.Add(cue.MinReaction) || credited >= c {
			t.Fatalf("CU6 credited O%+v, outside the window", credited.Sub(o))
		}
		if a.Received >= q.Final() || a.Received > c.Add(max(a.Grace(), 250*ms)+a.Delay) {
			t.Fatalf("CU8 accepted %v after C", a.Received.Sub(c))
		}
		if gain := a.Received.Sub(credited); gain > max(a.Grace()+a.Delay, 250*ms+a.Delay, a.Received.Sub(c.Add(-1*time.Microsecond))) {
			t.Fatalf("CU6 credited %v before receipt, grace %v", gain, a.Grace())
		}
		if credited > a.Received {
			t.Fatalf("CU6 credited after receipt")
		}
	})
}

// TestLyingGainsLessThanTheGrace lets a viewer say anything: compared with the
// truth it never gains more than its own grace, and its own delay.
func TestLyingGainsLessThanTheGrace(t *testing.T) {
	q := taken(t)
	rapid.Check(t, func(t *rapid.T) {
		lie := attempt(t)
		way := time.Duration(rapid.Int64Range(0, 300).Draw(t, "way")) * ms
		tap := lie.Received.Add(-way)
		credited, v := q.Judge(lie)
		if v != cue.Accepted {
			return
		}
		// 1 µs: an answer credited at C itself is put just inside the window.
		if gain := tap.Sub(credited); gain > lie.Grace()+lie.Delay-way+time.Microsecond {
			t.Fatalf("CU6 gained %v with a grace of %v and a delay of %v, really under way %v", gain, lie.Grace(), lie.Delay, way)
		}
	})
}

// TestSpreadIsFair lets many people react alike, on lines of all kinds, with and
// without being asked to wait: nobody's credit differs.
func TestSpreadIsFair(t *testing.T) {
	q := taken(t)
	rapid.Check(t, func(t *rapid.T) {
		way := time.Duration(rapid.Int64Range(1, 200_000).Draw(t, "way")) * time.Microsecond
		line := cue.Attempt{RTTMin: 2 * way, Jitter: 10 * ms, Dispersion: time.Duration(rapid.Int64Range(0, 20).Draw(t, "dispersion")) * ms}
		tapped := o.Add(time.Duration(rapid.Int64Range(150, 19_999).Draw(t, "tap")) * ms)
		delay := time.Duration(rapid.Int64Range(0, 500).Draw(t, "delay")) * ms
		stamped := rapid.Bool().Draw(t, "synced")
		send := func(wait time.Duration) (clock.Instant, cue.Verdict) {
			a := line
			a.Received, a.Delay = min(tapped.Add(wait), max(c, tapped)).Add(way), wait
			if stamped {
				a.Stamp = tapped
			}
			return q.Judge(a)
		}
		atOnce, v := send(0)
		waited, w := send(delay)
		held := min(delay, c.Sub(tapped)) // who taps right before C waits until C
		if v != cue.Accepted || w != cue.Accepted {
			t.Fatalf("CU17 verdicts %d at once, %d after %v", v, w, delay)
		}
		off := waited.Sub(atOnce)
		if stamped && off != 0 || !stamped && (off > 0 || off < held-delay) {
			t.Fatalf("CU17 credited %v apart after %v", off, delay)
		}
	})
}

package clock_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/sync/clock"
)

// zero is what R shows when the test's client clock is at zero.
const zero = clock.Instant(1_795_410_000_000_000)

// exchange pings at the local time sent over a path of the given delays.
func exchange(sent clock.Local, up, server, down time.Duration) clock.Exchange {
	return clock.Exchange{
		Sent:     sent,
		Received: zero.Add(sent + up),
		Replied:  zero.Add(sent + up + server),
		Returned: sent + up + server + down,
	}
}

const ms = time.Millisecond

func TestExchange(t *testing.T) {
	e := exchange(5*time.Second, 8*ms, 30*ms, 8*ms)
	if got := e.RTT(); got != 16*ms {
		t.Errorf("CL3 round trip = %v, want 16ms without the server's 30ms", got)
	}
	if got := e.Zero(); got != zero {
		t.Errorf("CL3 zero is off by %v on a symmetric path", got.Sub(zero))
	}
	if got := exchange(0, 28*ms, 0, 18*ms).Zero().Sub(zero); got != 5*ms {
		t.Errorf("CL3 off by %v, want half of the asymmetry", got)
	}
}

func TestEstimate(t *testing.T) {
	e := clock.Estimate{Zero: zero, RTT: 20 * ms, Taken: 100 * time.Second}
	if got, want := e.Dispersion(100*time.Second), 10*ms+100*time.Microsecond; got != want {
		t.Errorf("CL4 dispersion when taken = %v, want %v", got, want)
	}
	if got, want := e.Dispersion(110*time.Second), 10*ms+700*time.Microsecond; got != want {
		t.Errorf("CL4 dispersion after 10 s = %v, want %v", got, want)
	}
	if i := zero.Add(7 * time.Second); e.Local(i) != 7*time.Second || e.At(7*time.Second) != i {
		t.Error("CL3 At and Local are not each other's inverse")
	}
	for _, tc := range []struct {
		name string
		e    clock.Estimate
		now  clock.Local
		want bool
	}{
		{"CL6 good and young", e, 110 * time.Second, true},
		{"CL6 too old", e, 190 * time.Second, false},
		{"CL6 too far away", clock.Estimate{RTT: 100 * ms}, 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.e.Synced(tc.now); got != tc.want {
				t.Errorf("synced = %v", got)
			}
		})
	}
}

func TestFilter(t *testing.T) {
	var f clock.Filter
	if _, ok := f.Best(0); ok {
		t.Fatal("CL5 an estimate out of nothing")
	}
	f.Add(exchange(0, 50*ms, 0, 10*ms))
	f.Add(exchange(time.Second, 4*ms, ms, 4*ms))
	f.Add(exchange(2*time.Second, 90*ms, 0, 4*ms))
	best, ok := f.Best(3 * time.Second)
	if !ok || best.Zero != zero || best.RTT != 8*ms {
		t.Errorf("CL5 best = %+v, %v; want the exchange of 8 ms", best, ok)
	}
	// 60 ppm for 400 s is 24 ms: now the younger, slower one is the better.
	f.Add(exchange(400*time.Second, 20*ms, 0, 20*ms))
	if best, _ := f.Best(401 * time.Second); best.RTT != 40*ms {
		t.Errorf("CL5 best = %+v, want the younger exchange", best)
	}
	if _, ok := f.Best(1001 * time.Second); ok {
		t.Error("CL5 an estimate older than 600 s")
	}
	f.Add(exchange(1001*time.Second, ms, 0, ms))
	f.Reset()
	if _, ok := f.Best(1002 * time.Second); ok {
		t.Error("CL2 an estimate after a reset")
	}
}

func TestFilterRefuses(t *testing.T) {
	for name, e := range map[string]clock.Exchange{
		"CL7 read before it was sent":  {Sent: 2, Returned: 1},
		"CL7 server's time runs back":  {Received: 10, Replied: 9, Returned: ms},
		"CL7 longer away than there":   {Received: 0, Replied: zero, Returned: ms},
		"CL7 on the way for a quarter": {Returned: 15 * time.Minute},
	} {
		var f clock.Filter
		if f.Add(e) {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestFilterIsMinimum compares with the definition, by brute force.
func TestFilterIsMinimum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var f clock.Filter
		var all []clock.Estimate
		now := clock.Local(0)
		for range rapid.IntRange(1, clock.MaxSamples).Draw(t, "samples") {
			now += time.Duration(rapid.Int64Range(1, 30e9).Draw(t, "pause"))
			half := time.Duration(rapid.Int64Range(0, 200).Draw(t, "half")) * ms
			e := exchange(now, half, 0, half)
			now = e.Returned
			if !f.Add(e) {
				t.Fatalf("refused %+v", e)
			}
			all = append(all, clock.Estimate{Zero: e.Zero(), RTT: e.RTT(), Taken: e.Returned})
			want := time.Duration(1 << 62)
			for _, s := range all {
				if now-s.Taken <= clock.MaxAge {
					want = min(want, s.Dispersion(now))
				}
			}
			if best, ok := f.Best(now); !ok || best.Dispersion(now) != want {
				t.Fatalf("CL5 dispersion = %v, want %v", best.Dispersion(now), want)
			}
		}
	})
}

// TestFilterAccuracy checks that the bound is honest on a bad path.
func TestFilterAccuracy(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	wifi := func() time.Duration {
		d := 8*ms + time.Duration(r.ExpFloat64()*float64(5*ms))
		if r.IntN(10) == 0 {
			d += time.Duration(r.ExpFloat64() * float64(80*ms))
		}
		return d
	}
	for range 400 {
		var f clock.Filter
		var now clock.Local
		for range 8 {
			e := exchange(now, wifi(), 0, wifi())
			f.Add(e)
			now = max(now+50*ms, e.Returned)
		}
		best, _ := f.Best(now)
		if off := best.Zero.Sub(zero).Abs(); off > best.Dispersion(now) {
			t.Fatalf("CL4 off by %v, said to be within %v", off, best.Dispersion(now))
		}
	}
}

package whip_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest/whip"
)

var epoch = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func at(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }

func TestWindowInOrder(t *testing.T) {
	w := whip.NewWindow()
	for i, seq := range []uint16{65534, 65535, 0, 1} {
		if got := fmt.Sprint(w.Push(seq, at(i), false)); got != fmt.Sprintf("[{%d false}]", seq) {
			t.Errorf("IG86 %d became %s", seq, got)
		}
	}
}

func TestWindowReorders(t *testing.T) {
	w := whip.NewWindow()
	var got []whip.Seq
	for i, seq := range []uint16{10, 12, 11, 11, 14, 15, 13, 10} {
		got = append(got, w.Push(seq, at(i), false)...)
	}
	if fmt.Sprint(got) != "[{10 false} {11 false} {12 false} {13 false} {14 false} {15 false}]" {
		t.Errorf("IG86 %v", got)
	}
	if expected, lost, resent, dropped := w.Tally(); expected != 6 || lost+resent+dropped != 0 {
		t.Errorf("IG86 overtaken packets count as lost: %d %d %d %d", expected, lost, resent, dropped)
	}
}

func TestWindowWaits(t *testing.T) {
	w := whip.NewWindow()
	w.Push(1, at(0), false)
	w.Push(3, at(10), false)
	w.Push(5, at(200), false)
	if got := w.Expire(at(10).Add(whip.HoleWait - 1)); len(got) != 0 {
		t.Errorf("IG86 gave up early: %v", got)
	}
	if got := fmt.Sprint(w.Expire(at(10).Add(whip.HoleWait))); got != "[{3 true}]" {
		t.Errorf("IG86 %s: 4 may still come", got)
	}
	if got := fmt.Sprint(w.Push(4, at(500), true)); got != "[{4 false} {5 false}]" {
		t.Errorf("IG86 sent again: %s", got)
	}
	if got := w.Push(2, at(600), true); len(got) != 0 {
		t.Errorf("IG86 too late: %v", got)
	}
	if expected, lost, resent, dropped := w.Tally(); expected != 5 || lost != 2 || resent != 1 || dropped != 1 {
		t.Errorf("IG86 expected %d, lost %d, resent %d, dropped %d", expected, lost, resent, dropped)
	}
}

func TestWindowIsBounded(t *testing.T) {
	w := whip.NewWindow()
	w.Push(0, at(0), false)
	handed := 1
	for seq := uint16(2); seq < 10_000; seq++ {
		handed += len(w.Push(seq, at(0), false))
		if n := w.Waiting(); n > 2*whip.MaxHeld {
			t.Fatalf("IG86 %d wait", n)
		}
	}
	if handed < 8000 {
		t.Errorf("IG86 only %d were handed on", handed)
	}
}

func TestWindowAliens(t *testing.T) {
	w := whip.NewWindow()
	w.Push(100, at(0), false)
	if got := w.Push(40_000, at(1), false); len(got) != 0 {
		t.Errorf("IG86 one alien packet was taken: %v", got)
	}
	if got := fmt.Sprint(w.Push(101, at(2), false)); got != "[{101 false}]" {
		t.Errorf("IG86 after it: %s", got)
	}
	var got []whip.Seq
	for i := range uint16(5) {
		got = append(got, w.Push(50_000+i, at(3), false)...)
	}
	if fmt.Sprint(got) != "[{50002 true} {50003 false} {50004 false}]" {
		t.Errorf("IG86 a sender that began again: %v", got)
	}
}

// TestWindowRandomly checks that whatever happens on the way, packets come out
// in order, once, and with a word wherever one is missing.
func TestWindowRandomly(t *testing.T) {
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 1))
		w := whip.NewWindow()
		var got []whip.Seq
		first := uint16(random.Uint32())
		sent := make(map[uint16]bool)
		for i := range 3000 {
			if random.IntN(20) == 0 && i > 0 {
				continue
			}
			seq := first + uint16(i)
			if i > 8 {
				seq += uint16(random.IntN(3)) - 1
			}
			sent[seq] = true
			got = append(got, w.Push(seq, at(i), false)...)
			got = append(got, w.Expire(at(i))...)
		}
		got = append(got, w.Expire(at(100_000))...)
		for i := 1; i < len(got); i++ {
			step := int16(got[i].Number - got[i-1].Number)
			if step < 1 || (step > 1) != got[i].Lost {
				t.Fatalf("IG86 seed %d: %v after %v", seed, got[i], got[i-1])
			}
		}
		if len(got) != len(sent) {
			t.Errorf("IG86 seed %d: %d of %d came through", seed, len(got), len(sent))
		}
	}
}

func TestKeys(t *testing.T) {
	const every = 2 * time.Second
	k := whip.NewKeys(every, at(0))
	for _, tc := range []struct {
		name   string
		now    int
		oldest int
		blind  bool
		want   bool
	}{
		{"IG82 nothing has come yet", 100, 0, true, false},
		{"IG82 still nothing", 500, 0, true, true},
		{"IG82 asked just now", 600, 0, true, false},
		{"IG82 it came", 700, 650, false, false},
		{"IG82 the next is not due", 2400, 650, false, false},
		{"IG82 the next is due", 2500, 650, false, true},
		{"IG82 one was lost", 3000, 2550, true, true},
		{"IG82 an encoder with an interval of its own", 5100, 4600, false, false},
		{"IG82 counted from its key frame", 6500, 4600, false, false},
		{"IG82 which has stopped", 6600, 4600, false, true},
	} {
		if got := k.Due(at(tc.now), at(tc.oldest), tc.blind); got != tc.want {
			t.Errorf("%s: at %d ms: %v", tc.name, tc.now, got)
		}
	}
	k.Want()
	if !k.Due(at(7200), at(7100), false) {
		t.Error("IG82 wanted after a change")
	}
}

func TestEncoderName(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (OBS-Studio/32.1.0; Linux x86_64; en-US)":                                                                "OBS-Studio/32.1.0",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36":               "Chrome/156.0.0.0",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0": "Edg/156.0.0.0",
		"GStreamer souphttpsrc 1.22\r\nX-Evil: 1":                                                                             "GStreamer souphttpsrc 1.22X-Evil: 1",
		"": "",
		"0123456789012345678901234567890123456789012345678901234567890123456789": "0123456789012345678901234567890123456789012345678901234567890123",
	} {
		if got := whip.EncoderName(agent); got != want {
			t.Errorf("IG46 %q is called %q, want %q", agent, got, want)
		}
	}
}

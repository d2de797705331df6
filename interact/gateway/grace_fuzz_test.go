package gateway

import (
	"testing"
	"time"
)

// FuzzGrace: no bytes from outside are taken for a token of ours, and none
// panic.
func FuzzGrace(f *testing.F) {
	g := newGraces(make([]byte, graceKeySize))
	now := time.Unix(1_795_410_000, 0)
	good := g.mint("show", "p1", measurement{rttMin: 40 * time.Millisecond, jitter: time.Millisecond}, now.Add(graceLife))
	f.Add(good)
	f.Add("")
	f.Add(good[:8])
	f.Add("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, tok string) {
		m, err := g.verify(tok, "show", "p1", now)
		if (err == nil) != (tok == good) {
			t.Fatalf("GW13 %q: %+v, %v", tok, m, err)
		}
		if err == nil && m.rttMin != 40*time.Millisecond {
			t.Fatalf("GW13 measured %+v", m)
		}
	})
}

package admission_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/admission"
	"github.com/cuelight/cuelight/interact/wire"
)

// links makes links that are good for an hour.
func (r *rig) links(n int) []string {
	r.t.Helper()
	codes, err := r.desk.Links("show", n, noon.Add(time.Hour), noon)
	if err != nil {
		r.t.Fatal(err)
	}
	return codes
}

func TestLinkIsUsedOnce(t *testing.T) {
	r := rigged(t, admission.Rules{Require: wire.GradeLink})
	link := r.links(1)[0]
	ann := r.enter(wire.Hello{Link: link})
	if ann.Grade != wire.GradeLink {
		t.Fatalf("AD4 the grade is %s", ann.Grade)
	}
	if _, err := r.desk.Admit(wire.Hello{Link: link}, "show", noon); code(t, err) != wire.CloseLink {
		t.Errorf("AD4 a second device: %v", err)
	}
	if back := r.enter(wire.Hello{Token: ann.Token}); back != ann {
		t.Errorf("AD4 ann comes back as %+v", back)
	}
	if back := r.enter(wire.Hello{Token: ann.Token, Link: link}); back != ann {
		t.Errorf("AD4 ann opens her link again as %+v", back)
	}
	back, err := r.desk.Admit(wire.Hello{Token: ann.Token, Link: link}, "show", noon.Add(3*time.Hour))
	if err != nil || back != ann {
		t.Errorf("AD4 after the link's end: %+v, %v", back, err)
	}
}

func TestLinksThatAreNone(t *testing.T) {
	r := rigged(t, admission.Rules{})
	link := r.links(1)[0]
	other, err := r.desk.Links("other", 1, noon.Add(time.Hour), noon)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"another channel's": other[0],
		"another server's":  rigged(t, admission.Rules{}).links(1)[0],
		"a changed one":     "B" + link[1:],
		"a short one":       link[:35],
		"a long one":        link + "AAAA",
		"text":              "open sesame",
		"a short device":    link + ".abc",
		"an odd device":     link + ".a b c d e f",
		"endless":           strings.Repeat("A", 4000),
	} {
		if _, err := r.desk.Admit(wire.Hello{Link: text}, "show", noon); code(t, err) != wire.CloseLink {
			t.Errorf("AD5 %s: %v", name, err)
		}
	}
	if _, err := r.desk.Admit(wire.Hello{Link: link}, "show", noon.Add(time.Hour)); code(t, err) != wire.CloseLink {
		t.Errorf("AD5 one that is over: %v", err)
	}
	if len(r.owners.of) != 0 {
		t.Errorf("AD5 the log has %v", r.owners.of)
	}
}

// A device that names itself is the same participant when the network broke
// before it got its token.
func TestLinkSurvivesALostAnswer(t *testing.T) {
	r := rigged(t, admission.Rules{Require: wire.GradeLink})
	link := r.links(1)[0]
	first := r.enter(wire.Hello{Link: link + ".a1B2c3D4e5"})
	if again := r.enter(wire.Hello{Link: link + ".a1B2c3D4e5"}); again.Participant != first.Participant {
		t.Errorf("AD11 %s became %s", first.Participant, again.Participant)
	}
	if _, err := r.desk.Admit(wire.Hello{Link: link + ".another-device"}, "show", noon); code(t, err) != wire.CloseLink {
		t.Errorf("AD11 another device: %v", err)
	}
}

// Two people may share a device; one person may have had it before the link.
func TestLinkAndDevice(t *testing.T) {
	r := rigged(t, admission.Rules{})
	device := r.enter(wire.Hello{})
	links := r.links(2)
	ann := r.enter(wire.Hello{Token: device.Token, Link: links[0]})
	if ann.Participant != device.Participant || ann.Grade != wire.GradeLink {
		t.Errorf("AD4 the device %+v became %+v", device, ann)
	}
	bob := r.enter(wire.Hello{Token: ann.Token, Link: links[1]})
	if bob.Participant == ann.Participant || bob.Grade != wire.GradeLink {
		t.Errorf("AD4 two links on one device are one participant: %+v", bob)
	}
}

func TestLinkAndLog(t *testing.T) {
	r := rigged(t, admission.Rules{})
	link := r.links(1)[0]
	r.owners.fail = interact.Errorf(interact.CodeUnavailable, "the disk is full")
	if _, err := r.desk.Admit(wire.Hello{Link: link}, "show", noon); code(t, err) != wire.CloseBusy {
		t.Errorf("AD4 while the log cannot be written: %v", err)
	}
	r.owners.fail = interact.Errorf(interact.CodeConflict, "no more")
	if _, err := r.desk.Admit(wire.Hello{Link: link}, "show", noon); code(t, err) != wire.CloseLink {
		t.Errorf("AD4 when the log remembers no more: %v", err)
	}
	r.owners.fail = context.DeadlineExceeded
	if _, err := r.desk.Admit(wire.Hello{Link: link}, "show", noon); code(t, err) != wire.CloseBusy {
		t.Errorf("AD4 when the log takes too long: %v", err)
	}
	r.owners.fail = fmt.Errorf("a bug")
	if _, err := r.desk.Admit(wire.Hello{Link: link}, "show", noon); code(t, err) != wire.CloseError {
		t.Errorf("AD4 our fault: %v", err)
	}
	r.owners.fail = nil
	if ticket := r.enter(wire.Hello{Link: link}); ticket.Grade != wire.GradeLink {
		t.Errorf("AD4 afterwards: %+v", ticket)
	}
}

// Of many devices that open one link at the same time, one gets in.
func TestLinkRace(t *testing.T) {
	r := rigged(t, admission.Rules{})
	link := r.links(1)[0]
	in := make([]bool, 16)
	var wg sync.WaitGroup
	for i := range in {
		wg.Go(func() {
			_, err := r.desk.Admit(wire.Hello{Link: link}, "show", noon)
			in[i] = err == nil
		})
	}
	wg.Wait()
	n := 0
	for _, ok := range in {
		if ok {
			n++
		}
	}
	if n != 1 {
		t.Errorf("AD4 %d devices got in, want 1", n)
	}
}

func TestLinksRefuses(t *testing.T) {
	r := rigged(t, admission.Rules{})
	for name, tc := range map[string]struct {
		n    int
		life time.Duration
	}{
		"none":         {0, time.Hour},
		"too many":     {admission.MaxLinks + 1, time.Hour},
		"no life":      {1, 0},
		"endless life": {1, admission.MaxLinkLife + time.Second},
	} {
		if codes, err := r.desk.Links("show", tc.n, noon.Add(tc.life), noon); err == nil {
			t.Errorf("AD5 %s: %d links", name, len(codes))
		}
	}
	seen := make(map[string]bool)
	for _, link := range r.links(admission.MaxLinks) {
		if len(link) > 36 || seen[link] {
			t.Fatalf("AD5 %s is too long or came twice", link)
		}
		seen[link] = true
	}
}

// Whatever the order of visits: a link is never two participants.
func TestOneLinkOneParticipant(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := rigged(t, admission.Rules{})
		links := r.links(3)
		var tokens []string
		holder := make(map[string]string)
		for range rapid.IntRange(1, 25).Draw(rt, "visits") {
			hello := wire.Hello{Link: rapid.SampledFrom(links).Draw(rt, "link")}
			link := hello.Link
			if rapid.Bool().Draw(rt, "named") {
				hello.Link += "." + rapid.SampledFrom([]string{"device-one", "device-two"}).Draw(rt, "device")
			}
			if len(tokens) > 0 && rapid.Bool().Draw(rt, "known") {
				hello.Token = rapid.SampledFrom(tokens).Draw(rt, "token")
			}
			ticket, err := r.desk.Admit(hello, "show", noon)
			if err != nil {
				continue
			}
			tokens = append(tokens, ticket.Token)
			if before := holder[link]; before != "" && before != ticket.Participant {
				rt.Fatalf("AD4 one link is %s and %s", before, ticket.Participant)
			}
			holder[link] = ticket.Participant
		}
	})
}

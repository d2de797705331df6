package engine_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/wire"
)

// TestRefusals goes through every way in which an answer does not count.
func TestRefusals(t *testing.T) {
	said := make(map[string]string) // sentences, by what they were said for
	for _, tc := range []struct {
		name string
		code interact.Code
		send func(s *show) error
	}{
		{"before O", interact.CodeEarly, func(s *show) error {
			return s.refused(s.at(s.take(poll), -time.Second), nil)
		}},
		{"quicker than a person", interact.CodeTooFast, func(s *show) error {
			return s.refused(s.at(s.take(poll), 100*ms), nil)
		}},
		{"after C", interact.CodeLate, func(s *show) error {
			return s.refused(s.at(s.take(poll), 20_200*ms), nil)
		}},
		{"after the count is final", interact.CodeClosed, func(s *show) error {
			return s.refused(s.at(s.take(poll), 21*time.Second), nil)
		}},
		{"after a withdrawal", interact.CodeVoid, func(s *show) error {
			c := s.at(s.take(poll), time.Second)
			_, err := s.room.Cancel(s.Context(), c.ID, "")
			s.must(err)
			return s.refused(c, nil)
		}},
		{"in a pause", interact.CodePaused, func(s *show) error {
			c := s.at(s.take(poll), time.Second)
			_, err := s.room.Pause(s.Context(), c.ID, "")
			s.must(err)
			return s.refused(s.at(c, 3*time.Second), nil)
		}},
		{"of a cue there is not", interact.CodeUnknownCue, func(s *show) error {
			return s.refused(wire.Cue{ID: "c0"}, nil)
		}},
		{"of an option there is not", interact.CodeUnknownOption, func(s *show) error {
			return s.refused(s.at(s.take(poll), time.Second), func(a *interact.Answer) { a.Choice = []int{2} })
		}},
		{"of no option", interact.CodeInvalid, func(s *show) error {
			return s.refused(s.at(s.take(poll), time.Second), func(a *interact.Answer) { a.Choice = nil })
		}},
		{"by nobody", interact.CodeNotAdmitted, func(s *show) error {
			return s.refused(s.at(s.take(poll), time.Second), func(a *interact.Answer) { a.Participant = "" })
		}},
		{"by one who is banned", interact.CodeNotAdmitted, func(s *show) error {
			s.must(s.room.Ban(s.Context(), "ann", 0, ""))
			return s.refused(s.at(s.take(poll), time.Second), nil)
		}},
		{"changed too often", interact.CodeTooMany, func(s *show) error {
			c := s.at(s.take(changeable()), time.Second)
			for i := range interact.MaxAttempts {
				s.attempt(c.ID, "ann", strings.Repeat("x", i), i%2)
			}
			return s.refused(c, nil)
		}},
		{"joined, although banned", interact.CodeBanned, func(s *show) error {
			s.must(s.room.Ban(s.Context(), "ann", 0, ""))
			_, err := s.room.Join(s.Context(), "ann", wire.RoleViewer)
			return err
		}},
		{"when nothing is taken in any more", interact.CodeBusy, func(s *show) error {
			c := s.at(s.take(poll), time.Second)
			s.stop()
			return s.refused(c, nil)
		}},
	} {
		bubble(t, "EN9 "+tc.name, func(s *show) {
			err := tc.send(s)
			if interact.CodeOf(err) != tc.code {
				s.Fatalf("err = %v, want %s", err, tc.code)
			}
			words := err.(*interact.Error).Message
			if was := said[words]; was != "" && was != string(tc.code) {
				s.Errorf("%q is said for %s and %s", words, was, tc.code)
			}
			said[words] = string(tc.code)
			if len(strings.Fields(words)) < 4 || !strings.HasSuffix(words, ".") || strings.Contains(words, "_") {
				s.Errorf("%q is no plain sentence", words)
			}
		})
	}
	t.Run("EN9 when the disk is full", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			full := false
			s := onAir(t, &interacttest.Memory{Commit: func([]interact.Record) error {
				if full {
					return interact.Errorf(interact.CodeUnavailable, "full")
				}
				return nil
			}})
			c := s.at(s.take(poll), time.Second)
			full = true
			if err := s.refused(c, nil); interact.CodeOf(err) != interact.CodeUnavailable || said[err.(*interact.Error).Message] != "" {
				t.Errorf("err = %v", err)
			}
		})
	})
}

// at waits until some time after O of c.
func (s *show) at(c wire.Cue, after time.Duration) wire.Cue {
	s.Helper()
	s.until(c.Open.Add(after))
	return c
}

// refused sends an answer of ann and returns why it does not count.
func (s *show) refused(c wire.Cue, change func(*interact.Answer)) error {
	s.Helper()
	a := interact.Answer{ID: "a1", Cue: c.ID, Participant: "ann", Choice: []int{0}, Received: s.now()}
	if change != nil {
		change(&a)
	}
	got := <-s.send(a)
	if want := (interact.Receipt{ID: a.ID, Cue: a.Cue, Participant: a.Participant}); got.err != nil && !sameNames(got.receipt, want) {
		s.Errorf("EN9 refused with %+v, want %+v", got.receipt, want)
	}
	return got.err
}

func sameNames(a, b interact.Receipt) bool {
	return a.ID == b.ID && a.Cue == b.Cue && a.Participant == b.Participant && a.Choice == nil && a.Seq == 0
}

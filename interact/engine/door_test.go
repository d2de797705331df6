package engine_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/wire"
)

func TestBans(t *testing.T) {
	bubble(t, "EN27 the banned neither join nor count, their receipts stay", func(s *show) {
		c := s.take(poll)
		s.until(c.Open.Add(time.Second))
		s.counted(s.answer(c.ID, "ann", 0))
		s.must(s.room.Ban(s.Context(), "ann", 0, "insults"))
		s.must(s.room.Ban(s.Context(), "bob", 0, ""))
		_, err := s.room.Join(s.Context(), "bob", wire.RoleViewer)
		wantCode(s.T, "join", err, interact.CodeBanned)
		s.wantRefused("answer", s.answer(c.ID, "bob", 0), interact.CodeNotAdmitted)
		s.counted(s.answer(c.ID, "ann", 1)) // a retry
		s.wantTally(c.ID, 1, 0)
		s.welcome("eve", wire.RoleViewer)
		bans, err := s.room.Bans(s.Context())
		if err != nil || len(bans) != 2 || bans[0].Participant != "ann" || bans[0].Reason != "insults" || bans[0].At != s.now() {
			s.Errorf("bans = %+v, %v", bans, err)
		}
		s.must(s.room.Unban(s.Context(), "bob"))
		s.must(s.room.Unban(s.Context(), "bob"))
		s.welcome("bob", wire.RoleViewer)
		s.counted(s.answer(c.ID, "bob", 1))
	})
	bubble(t, "EN27 a ban ends by itself", func(s *show) {
		until := s.now().Add(time.Minute)
		s.must(s.room.Ban(s.Context(), "ann", until, ""))
		s.until(until - 1)
		_, err := s.room.Join(s.Context(), "ann", wire.RoleViewer)
		wantCode(s.T, "join", err, interact.CodeBanned)
		s.until(until)
		s.welcome("ann", wire.RoleViewer)
		if bans, _ := s.room.Bans(s.Context()); len(bans) != 0 {
			s.Errorf("bans = %+v", bans)
		}
	})
	bubble(t, "EN27 bans survive a restart", func(s *show) {
		s.must(s.room.Ban(s.Context(), "ann", 0, "x"))
		s.must(s.room.Ban(s.Context(), "bob", 0, "y"))
		s.must(s.room.Unban(s.Context(), "bob"))
		back := resume(s.T, s.store, s.clock)
		if bans, _ := back.room.Bans(s.Context()); len(bans) != 1 || bans[0].Participant != "ann" || bans[0].Reason != "x" {
			s.Errorf("bans = %+v", bans)
		}
	})
	bubble(t, "EN27 what is no ban is refused", func(s *show) {
		for name, err := range map[string]error{
			"nobody":        s.room.Ban(s.Context(), "", 0, ""),
			"a long name":   s.room.Ban(s.Context(), strings.Repeat("x", 65), 0, ""),
			"a long reason": s.room.Ban(s.Context(), "ann", 0, strings.Repeat("x", 201)),
			"over already":  s.room.Ban(s.Context(), "ann", s.now(), ""),
		} {
			wantCode(s.T, name, err, interact.CodeInvalid)
		}
		for i := range engine.MaxBans {
			s.must(s.room.Ban(s.Context(), participant(i), s.now().Add(time.Minute), ""))
		}
		wantCode(s.T, "too many", s.room.Ban(s.Context(), "ann", 0, ""), interact.CodeConflict)
		s.must(s.room.Ban(s.Context(), participant(0), 0, "for good")) // one that is there
		s.until(s.now().Add(time.Minute))
		s.must(s.room.Ban(s.Context(), "ann", 0, ""))
		if bans, _ := s.room.Bans(s.Context()); len(bans) != 2 {
			s.Errorf("%d bans", len(bans))
		}
	})
}

func TestLinks(t *testing.T) {
	bubble(t, "EN28 the first owns a link, also after a restart", func(s *show) {
		use := func(on *show, id, participant, want string) {
			s.Helper()
			if owner, err := on.room.UseLink(s.Context(), id, participant); err != nil || owner != want {
				s.Errorf("%s by %s: %q, %v, want %q", id, participant, owner, err, want)
			}
		}
		use(s, "l1", "ann", "ann")
		use(s, "l1", "bob", "ann")
		use(s, "l1", "ann", "ann")
		back := resume(s.T, s.store, s.clock)
		use(back, "l1", "bob", "ann")
		use(back, "l2", "bob", "bob")
		_, err := s.room.UseLink(s.Context(), "", "ann")
		wantCode(s.T, "no link", err, interact.CodeInvalid)
		_, err = s.room.UseLink(s.Context(), "l3", "")
		wantCode(s.T, "nobody", err, interact.CodeInvalid)
		s.stop()
		_, err = s.room.UseLink(s.Context(), "l3", "ann")
		wantCode(s.T, "stopped", err, interact.CodeUnavailable)
	})
	t.Run("EN28 a crowd's links go to the disk together, each has one owner", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			commits := 0
			s := onAir(t, &interacttest.Memory{Commit: func([]interact.Record) error {
				commits++
				time.Sleep(5 * ms)
				return nil
			}})
			const people, links = 3000, 1000
			var mu sync.Mutex
			owners := make(map[string]string)
			var wg sync.WaitGroup
			for i := range people {
				wg.Go(func() {
					id := fmt.Sprint("l", i%links)
					owner, err := s.room.UseLink(t.Context(), id, participant(i))
					mu.Lock()
					defer mu.Unlock()
					if was := owners[id]; err != nil || was != "" && was != owner {
						t.Errorf("%s: %q, %v, was %q", id, owner, err, was)
					}
					owners[id] = owner
				})
			}
			wg.Wait()
			if commits > 10 {
				t.Errorf("%d commits", commits)
			}
			back := resume(t, s.store, s.clock)
			for id, owner := range owners {
				if got, err := back.room.UseLink(t.Context(), id, "eve"); err != nil || got != owner {
					t.Fatalf("%s: %q, %v, want %q", id, got, err, owner)
				}
			}
		})
	})
	t.Run("EN11 a link that could not be saved has no owner", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			full := true
			s := onAir(t, &interacttest.Memory{Commit: func([]interact.Record) error {
				if full {
					return interact.Errorf(interact.CodeUnavailable, "full")
				}
				return nil
			}})
			_, err := s.room.UseLink(t.Context(), "l1", "ann")
			wantCode(t, "full", err, interact.CodeUnavailable)
			wantCode(t, "full", s.room.Ban(t.Context(), "ann", 0, ""), interact.CodeUnavailable)
			full = false
			if owner, err := s.room.UseLink(t.Context(), "l1", "bob"); err != nil || owner != "bob" {
				t.Errorf("%q, %v", owner, err)
			}
		})
	})
}

package packager_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/packagertest"
)

// TestWaitersWakeAtTheCut lets many viewers wait for the same part, and readers
// read all the while.
func TestWaitersWakeAtTheCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, packager.Config{})
		show := packagertest.Show{Start: first, Duration: 3 * time.Second}
		s.begin(show.Tracks())
		w := s.c.View().Window(packager.Video)
		want := packager.Position{MSN: 1001, Part: 2}
		start := time.Now()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				snap, err := w.Wait(t.Context(), want, time.Minute)
				if err != nil || snap.Edge != want || snap.Part(want) == nil {
					t.Errorf("B2 edge %v, %v", snap.Edge, err)
				}
				// Parts end at multiples of a third of a second; this is the fourth.
				if took := time.Since(start); took.Round(time.Millisecond) != 1333*time.Millisecond {
					t.Errorf("B2 woken after %v", took)
				}
			})
		}
		for _, f := range show.Frames() {
			time.Sleep(time.Until(start.Add((f.DTS - first).Duration())))
			if err := s.c.Write(f); err != nil {
				t.Fatal(err)
			}
		}
		wg.Wait()
	})
}

func TestWaitGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, packager.Config{})
		s.begin(packagertest.Show{}.Tracks())
		w := s.c.View().Window(packager.Audio)
		start := time.Now()
		if _, err := w.Wait(t.Context(), packager.Position{MSN: 1000}, 6*time.Second); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 6*time.Second {
			t.Errorf("B7 %v after %v", err, time.Since(start))
		}
		ctx, leave := context.WithCancelCause(t.Context())
		left := errors.New("viewer left")
		leave(left)
		if _, err := w.Wait(ctx, packager.Position{MSN: 1000}, 6*time.Second); !errors.Is(err, left) {
			t.Errorf("err = %v, want the cause", err)
		}
	})
}

// TestReadersRace reads everything while the channel is written, for the race
// detector.
func TestReadersRace(t *testing.T) {
	s := newStage(t, packager.Config{Window: 12 * time.Second})
	show := packagertest.Show{Start: first, Duration: 40 * time.Second}
	s.begin(show.Tracks())
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				v := s.c.View()
				snap := v.Window(packager.Video).Load()
				if seg := snap.Segment(snap.Edge.MSN); snap.Ready() && (seg == nil || snap.Part(snap.Edge) == nil) {
					t.Errorf("R2 the edge %v is not in its own snapshot", snap.Edge)
				}
				_ = s.c.Stats()
			}
		})
	}
	for _, f := range show.Frames() {
		if err := s.c.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	wg.Wait()
}

package lifecycle_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/internal/lifecycle"
)

func TestGroupStopsLastAddedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		until := func(name string) lifecycle.Service {
			return lifecycle.ServiceFunc(func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(time.Second) // finishing work takes fake time
				order = append(order, name)
				return nil
			})
		}
		var g lifecycle.Group
		g.Add("store", until("store"))
		g.Add("gateway", until("gateway"))

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := g.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if want := []string{"gateway", "store"}; !slices.Equal(order, want) {
			t.Errorf("stop order = %v, want %v", order, want)
		}
	})
}

func TestGroupStopsAllWhenOneFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("disk gone")
		var g lifecycle.Group
		g.Add("gateway", lifecycle.ServiceFunc(func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		}))
		g.Add("store", lifecycle.ServiceFunc(func(context.Context) error { return broken }))
		if err := g.Run(t.Context()); !errors.Is(err, broken) {
			t.Errorf("err = %v, want %v", err, broken)
		}
	})
}

func TestGroupReportsWhoDoesNotStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		g := lifecycle.Group{Drain: 3 * time.Second}
		g.Add("stuck", lifecycle.ServiceFunc(func(context.Context) error { <-release; return nil }))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		err := g.Run(ctx)
		if err == nil || !strings.Contains(err.Error(), "stuck: still running") {
			t.Errorf("err = %v, want the stuck service named", err)
		}
		if got := time.Since(start); got != 3*time.Second {
			t.Errorf("gave up after %v, want the drain time", got)
		}
		close(release)
	})
}

func TestGroupCallsAnEarlyEndAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g lifecycle.Group
		g.Add("short", lifecycle.ServiceFunc(func(context.Context) error { return nil }))
		if err := g.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "short") {
			t.Errorf("err = %v, want the service that ended named", err)
		}
	})
}

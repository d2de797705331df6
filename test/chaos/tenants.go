package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/cuelight/cuelight/internal/loadgen"
	"github.com/cuelight/cuelight/test/chaos/noise"
)

// twoTenants share the nodes. What limits the loud one limits it on each.
const twoTenants = `tenants:
  quiet: {}
  loud: {sockets: 200, handshakes: 100, answers: 300}
channels:
  show: {tenant: quiet}
  noise: {tenant: loud}`

// noisyTenant has the viewers of one tenant answer three times: alone; while the
// people of another one flood nodes of their own on the same machine, so that
// only what this machine can do is shared; and while they flood the same nodes.
func noisyTenant(ctx context.Context, s settings, c scenario, dir string) (ok bool, err error) {
	shared, err := build(ctx, c.plan, s.program, filepath.Join(dir, "shared"))
	if err != nil {
		return false, err
	}
	defer shared.close()
	apart, err := build(ctx, c.plan, s.program, filepath.Join(dir, "apart"))
	if err != nil {
		return false, err
	}
	defer apart.close()
	z := s.size
	z.cues = 3
	ok = true
	for _, one := range []struct {
		what  string
		flood *stand
	}{
		{"a noisy tenant, silent so far", nil},
		{"it floods nodes of its own on this machine", apart},
		{"it floods the same nodes", shared},
	} {
		fine, err := shared.beside(ctx, z, one.what, one.flood)
		if err != nil {
			return false, fmt.Errorf("%s: %w", one.what, err)
		}
		ok = ok && fine
	}
	return ok, nil
}

// beside has the viewers answer while the other tenant's people flood a stand,
// and prints how that went. It is ok if nothing was lost, doubled, refused or
// taken.
func (s *stand) beside(ctx context.Context, z size, what string, flooded *stand) (ok bool, err error) {
	var f *noise.Flood
	if flooded != nil {
		if f, err = flooded.neighbours(ctx); err != nil {
			return false, err
		}
		ctx, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			f.Run(ctx)
		}()
		defer func() { stop(); <-done }()
		if !pause(ctx, 2*time.Second) { // until as many are in as may be
			return false, context.Cause(ctx)
		}
	}
	r, note, err := s.burst(ctx, z, f)
	if err != nil {
		return false, err
	}
	row(os.Stdout, what, times{note: note}, r)
	taken := f != nil && len(f.Stats().Taken) > 0
	return r.OK() && r.Answers.Lost == 0 && len(r.Answers.Refused) == 0 && r.Answers.Left == 0 && !taken, nil
}

// burst has the viewers answer, and says what the others offered meanwhile.
func (s *stand) burst(ctx context.Context, z size, f *noise.Flood) (r *loadgen.Report, note string, err error) {
	load, err := s.startLoad(ctx, z)
	if err != nil {
		return nil, "", err
	}
	if err := load.height(ctx, 1); err != nil {
		return nil, "", err
	}
	var before noise.Stats
	if f != nil {
		before = f.Stats()
	}
	began := time.Now()
	busy, err := measure(ctx, time.Duration(z.cues)*z.over, s)
	if err != nil {
		return nil, "", err
	}
	note = busy.String()
	if took := time.Since(began).Seconds(); f != nil {
		got := f.Stats().Since(before)
		note = fmt.Sprintf("offered %.0f/s, accepted %.0f/s, refused %.0f/s; %s", float64(got.Offered)/took,
			float64(got.Accepted)/took, float64(got.Refused)/took, note)
		fmt.Fprintln(os.Stderr, got)
		for _, t := range got.Taken {
			fmt.Println("  TAKEN:", t)
		}
	}
	if r, err = load.finish(ctx); err != nil {
		return nil, "", err
	}
	return r, fmt.Sprintf("%s; the viewers' own program late by %.0f ms at p99", note, r.Answers.Behind.P99), nil
}

// neighbours are the people of the loud tenant.
func (s *stand) neighbours(ctx context.Context) (*noise.Flood, error) {
	key, err := s.leaders[0].Token(ctx, "--tenant", "loud")
	if err != nil {
		return nil, err
	}
	question := map[string]any{"kind": "poll", "title": "Noise", "options": []string{"a", "b"}, "results": "reveal", "window_ms": (5 * time.Minute).Milliseconds()}
	theirs, err := s.take(ctx, key, "noise", question)
	if err != nil {
		return nil, err
	}
	other, err := s.take(ctx, s.token, "show", map[string]any{"kind": "poll", "title": "?", "options": []string{"a", "b"}, "slot": "side", "window_ms": 20_000})
	if err != nil {
		return nil, err
	}
	return &noise.Flood{
		Gateways: webs(s.gateways), Studios: webs(s.leaders), Channel: "noise", Cue: theirs.ID, Token: key, Other: "show", OtherCue: other.ID,
		Guests: 500, Spammers: 20, Vandals: 20, Callers: 10, Producers: 4, Burglars: 4, Every: 200 * time.Millisecond, Source: floodSource,
	}, nil
}

// floodSource is where the flood comes from.
const floodSource = "127.0.0.2"

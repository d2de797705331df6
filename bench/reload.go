package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// reloadFigures are what viewers cost that wait for every part.
type reloadFigures struct {
	server   time.Duration // CPU time of the server, of one answered reload
	mallocs  float64       // of the server, of one answered reload
	bytes    float64       // allocated by the server, of one answered reload
	written  spread        // from the write that ends a part to the answers
	wake     spread        // from the write that ends a part to its first answer
	first    spread        // from the first answer that lists a part to the others
	answered int           // reloads
	late     int           // of them, asked for when the part was there already
	playlist int           // bytes of one playlist
	busy     float64       // share of the machine that others took
}

// warmUp passes before anything counts.
const warmUp = 2 * time.Second

// reload is one answer.
type reload struct {
	newest      position
	asked, read instant
}

// waiters are viewers that hold a request for the next part, all the time.
type waiters struct {
	path    string
	clients []*hlsClient
	logs    [][]reload // by client
	count   atomic.Int64
	size    atomic.Int64 // of the last playlist

	from, to instant // what is measured
}

// measureReload lets n viewers follow the live edge of a server for a while.
func measureReload(ctx context.Context, p *peer, n int, d time.Duration) (*reloadFigures, error) {
	f, err := followEdge(ctx, p, n, d)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	return f, nil
}

func followEdge(ctx context.Context, p *peer, n int, d time.Duration) (*reloadFigures, error) {
	path, err := findPlaylist(ctx, p.url)
	if err != nil {
		return nil, err
	}
	w := &waiters{path: path, logs: make([][]reload, n)}
	defer w.close()
	for range n {
		c, err := dialHLS(ctx, p.url)
		if err != nil {
			return nil, err
		}
		w.clients = append(w.clients, c)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var work sync.WaitGroup
	for i := range n {
		work.Go(func() {
			if err := w.follow(ctx, i); err != nil {
				stop(fmt.Errorf("viewer %d: %w", i+1, err))
			}
		})
	}
	window, err := w.measure(ctx, p, d)
	stop(errEnough)
	work.Wait()
	if err != nil {
		return nil, err
	}
	return window, w.judge(p, window)
}

var errEnough = errors.New("measured for long enough")

// follow reads the playlist, then waits for part after part until ctx ends.
func (w *waiters) follow(ctx context.Context, i int) error {
	c := w.clients[i]
	query := ""
	for ctx.Err() == nil {
		asked := now()
		if err := c.get(w.path, query); err != nil {
			return err
		}
		read := now()
		t, err := tipOf(c.body.Bytes())
		if err != nil {
			return err
		}
		if query != "" {
			w.logs[i] = append(w.logs[i], reload{t.newest, asked, read})
			w.count.Add(1)
			w.size.Store(int64(c.body.Len()))
		}
		query = "?_HLS_msn=" + strconv.FormatUint(t.next.MSN, 10) + "&_HLS_part=" + strconv.FormatUint(t.next.Part, 10)
	}
	return nil
}

// measure reads the server's meters around d of following.
func (w *waiters) measure(ctx context.Context, p *peer, d time.Duration) (*reloadFigures, error) {
	if err := pause(ctx, warmUp); err != nil {
		return nil, err
	}
	busy, err := watchOthers(p)
	if err != nil {
		return nil, err
	}
	before, err := readMeters(p)
	if err != nil {
		return nil, err
	}
	count := w.count.Load()
	w.from = now()
	if err := pause(ctx, d); err != nil {
		return nil, err
	}
	w.to = now()
	count = w.count.Load() - count
	after, err := readMeters(p)
	if err != nil {
		return nil, err
	}
	others, err := busy()
	if err != nil {
		return nil, err
	}
	if count == 0 {
		return nil, errors.New("no reload was answered")
	}
	return &reloadFigures{
		server:   (after.cpu - before.cpu) / time.Duration(count),
		mallocs:  float64(after.Mallocs-before.Mallocs) / float64(count),
		bytes:    float64(after.Bytes-before.Bytes) / float64(count),
		answered: int(count),
		playlist: int(w.size.Load()),
		busy:     others,
	}, nil
}

// meters are a role's running totals.
type meters struct {
	counts
	cpu time.Duration
}

func readMeters(p *peer) (m meters, err error) {
	if err = getJSON(p.url+countsPath, &m.counts); err != nil {
		return m, err
	}
	m.cpu, err = cpuTime(p.pid)
	return m, err
}

// judge compares when parts were written with when they were read.
func (w *waiters) judge(p *peer, f *reloadFigures) error {
	var cuts []cut
	if err := getJSON(p.url+cutsPath, &cuts); err != nil {
		return err
	}
	written := make(map[position]instant, len(cuts))
	for _, c := range cuts {
		written[c.position] = c.At
	}
	first := make(map[position]instant)
	var waited []reload
	for _, log := range w.logs {
		for _, r := range log {
			at, known := written[r.newest]
			switch {
			case !known || r.read < w.from || r.read > w.to:
				continue
			case r.read < at:
				return fmt.Errorf("part %v was read %v before it was written", r.newest, at.sub(r.read))
			case r.asked > at:
				f.late++
				continue
			}
			waited = append(waited, r)
			if was, ok := first[r.newest]; !ok || r.read < was {
				first[r.newest] = r.read
			}
		}
	}
	f.spreads(waited, written, first)
	return nil
}

func (f *reloadFigures) spreads(waited []reload, written, first map[position]instant) {
	for _, r := range waited {
		f.written = append(f.written, r.read.sub(written[r.newest]))
		f.first = append(f.first, r.read.sub(first[r.newest]))
	}
	for part, read := range first {
		f.wake = append(f.wake, read.sub(written[part]))
	}
	f.written, f.first, f.wake = spreadOf(f.written), spreadOf(f.first), spreadOf(f.wake)
}

func (w *waiters) close() {
	for _, c := range w.clients {
		c.conn.Close()
	}
}

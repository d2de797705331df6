package main

import (
	"context"
	"fmt"
	"path"
	"sync"
	"sync/atomic"
	"time"
)

// getFigures are what plain requests for one file cost.
type getFigures struct {
	rate    float64       // requests/s
	server  time.Duration // CPU time of the server, of one request
	mallocs float64       // of the server, of one request
	size    int           // bytes of the answer
	busy    float64       // share of the machine that others took
}

// getClients ask at once, each again as soon as it is answered.
const getClients = 16

// measureGets asks for the playlist, then for the newest part, for d each.
func measureGets(ctx context.Context, p *peer, d time.Duration) (playlist, part *getFigures, err error) {
	file, err := findPlaylist(ctx, p.url)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", p.name, err)
	}
	if playlist, err = measureGet(ctx, p, file, d); err != nil {
		return nil, nil, fmt.Errorf("%s: playlist: %w", p.name, err)
	}
	newest, err := newestPart(ctx, p, file)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", p.name, err)
	}
	if part, err = measureGet(ctx, p, newest, d); err != nil {
		return nil, nil, fmt.Errorf("%s: part: %w", p.name, err)
	}
	return playlist, part, nil
}

// newestPart waits for the first part of a segment, the one with the key
// frame, so that both servers are asked for the same pictures.
func newestPart(ctx context.Context, p *peer, file string) (string, error) {
	c, err := dialHLS(ctx, p.url)
	if err != nil {
		return "", err
	}
	defer c.conn.Close()
	query := ""
	for {
		if err := c.get(file, query); err != nil {
			return "", err
		}
		t, err := tipOf(c.body.Bytes())
		if err != nil {
			return "", err
		}
		if t.newest.Part == 0 {
			return path.Dir(file) + "/" + t.part, nil
		}
		query = fmt.Sprintf("?_HLS_msn=%d&_HLS_part=%d", t.next.MSN, t.next.Part)
	}
}

func measureGet(ctx context.Context, p *peer, file string, d time.Duration) (*getFigures, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var count, size atomic.Int64
	var work sync.WaitGroup
	for range getClients {
		work.Go(func() {
			if err := ask(ctx, p, file, &count, &size); err != nil {
				stop(err)
			}
		})
	}
	defer work.Wait()
	defer stop(errEnough)
	if err := pause(ctx, time.Second); err != nil {
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
	asked, since := count.Load(), now()
	if err := pause(ctx, d); err != nil {
		return nil, err
	}
	asked, took := count.Load()-asked, now().sub(since)
	after, err := readMeters(p)
	if err != nil {
		return nil, err
	}
	others, err := busy()
	if err != nil {
		return nil, err
	}
	if asked == 0 {
		return nil, fmt.Errorf("no request for %s was answered", file)
	}
	return &getFigures{
		rate:    float64(asked) / took.Seconds(),
		server:  (after.cpu - before.cpu) / time.Duration(asked),
		mallocs: float64(after.Mallocs-before.Mallocs) / float64(asked),
		size:    int(size.Load()),
		busy:    others,
	}, nil
}

func ask(ctx context.Context, p *peer, file string, count, size *atomic.Int64) error {
	c, err := dialHLS(ctx, p.url)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	for ctx.Err() == nil {
		if err := c.get(file, ""); err != nil {
			return err
		}
		count.Add(1)
		size.Store(int64(c.body.Len()))
	}
	return nil
}

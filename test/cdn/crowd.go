package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// joining is how many viewers join in a second.
const joining = 200

// crowd is everybody who watches, and what they found.
type crowd struct {
	addr string
	took time.Duration

	mu       sync.Mutex
	answers  [kinds]int
	bytes    int64
	statuses map[int]int // of what was not 200
	differ   []string    // objects that were not the same for everybody
	objects  map[string]*object
	late     [kinds][]time.Duration // behind the first who had the same object
	errs     []error
}

// object is what the first viewer who had it found.
type object struct {
	at   time.Time
	size int
	body []byte // of a playlist
	tip  tip
}

// watch lets so many viewers join, and watch for d from then on.
func watch(ctx context.Context, addr string, viewers int, d time.Duration) (*crowd, error) {
	c := &crowd{addr: addr, statuses: map[int]int{}, objects: map[string]*object{}}
	began := time.Now()
	over, stop := context.WithTimeout(ctx, time.Duration(viewers)*time.Second/joining+d)
	defer stop()
	var all sync.WaitGroup
	defer all.Wait()
	pace := time.NewTicker(time.Second / joining)
	defer pace.Stop()
	for range viewers {
		for _, rendition := range []string{"video", "audio"} {
			all.Go(func() { c.note(c.follow(over, rendition)) })
		}
		select {
		case <-pace.C:
		case <-over.Done():
		}
	}
	all.Wait()
	c.took = time.Since(began)
	return c, ctx.Err()
}

func (c *crowd) note(err error) {
	if err == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errs = append(c.errs, err)
}

// follow is one player's connection for one rendition: its playlist as it is
// now, the init section, and then part after part.
func (c *crowd) follow(ctx context.Context, rendition string) error {
	conn, err := dial(ctx, c.addr)
	if err != nil {
		return err
	}
	defer conn.conn.Close()
	playlist := hlsPath + rendition + ".m3u8"
	if _, err := c.load(conn, indexPath); err != nil {
		return err
	}
	query, init, last := "", "", ""
	for ctx.Err() == nil {
		o, err := c.load(conn, playlist+query)
		if err != nil {
			return err
		}
		if o == nil {
			query = "" // it was refused, and that is counted
			continue
		}
		if o.tip.init != "" && o.tip.init != init {
			init = o.tip.init
			if _, err := c.load(conn, hlsPath+init); err != nil {
				return err
			}
		}
		for _, part := range o.tip.after(last) {
			if _, err := c.load(conn, hlsPath+part); err != nil {
				return err
			}
			last = part
		}
		query = o.tip.directives()
	}
	return nil
}

// load asks for an object. It returns nil if that was refused.
func (c *crowd) load(conn *client, path string) (*object, error) {
	answer, err := conn.get(path)
	if err != nil {
		return nil, err
	}
	at, k := time.Now(), kindOf(path)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers[k]++
	c.bytes += int64(conn.body.Len())
	if answer.StatusCode != http.StatusOK {
		c.statuses[answer.StatusCode]++
		return nil, nil
	}
	if o := c.objects[path]; o != nil && k != polled {
		if k != whole { // those are asked for when a viewer joins, whenever that is
			c.late[k] = append(c.late[k], at.Sub(o.at))
		}
		if o.size != conn.body.Len() || o.body != nil && !bytes.Equal(o.body, conn.body.Bytes()) {
			c.differ = append(c.differ, path)
		}
		return o, nil
	}
	o := &object{at: at, size: conn.body.Len()}
	if k == blocking || k == polled && path != indexPath {
		o.body = bytes.Clone(conn.body.Bytes())
		text, err := conn.text(answer)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if o.tip, err = tipOf(text); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if k != polled {
		c.objects[path] = o
	}
	return o, nil
}

// print shows what the viewers found, and returns an error if it was not what
// they should.
func (c *crowd) print(out io.Writer) error {
	total := 0
	fmt.Fprintf(out, "\nat the viewers                   answers   behind the first who had it: p50, p95, max\n")
	for k := range kinds {
		total += c.answers[k]
		fmt.Fprintf(out, "  %-29s %8d   %s\n", kindNames[k], c.answers[k], spread(c.late[k]))
	}
	fmt.Fprintf(out, "  %.0f requests/s, %.1f Mbit/s\n", float64(total)/c.took.Seconds(), float64(c.bytes)*8e-6/c.took.Seconds())
	switch {
	case len(c.errs) > 0:
		return fmt.Errorf("%d viewers gave up, such as: %w", len(c.errs), c.errs[0])
	case len(c.statuses) > 0:
		return fmt.Errorf("viewers were refused (status: times): %v", c.statuses)
	case len(c.differ) > 0:
		return fmt.Errorf("%d answers differ from what the first viewer got, such as %s", len(c.differ), c.differ[0])
	}
	return nil
}

// spread shows percentiles, in ms.
func spread(d []time.Duration) string {
	if len(d) == 0 {
		return "-"
	}
	slices.Sort(d)
	at := func(q float64) float64 {
		return float64(d[min(len(d)-1, int(q*float64(len(d))))].Microseconds()) / 1000
	}
	return fmt.Sprintf("%.0f, %.0f, %.0f ms", at(0.5), at(0.95), at(1))
}

// pause waits, unless ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

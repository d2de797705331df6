package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"time"
)

// getFigures are what plain requests for one file cost.
type getFigures struct {
	rate    float64       // requests/s
	server  time.Duration // CPU time of the server, of one request
	mallocs float64       // of the server, of one request
	size    int           // bytes of the answer
	cores   cores         // who kept the machine busy
}

// getClients ask at once, each again as soon as it is answered.
const getClients = 32

// again asks for the same file, over and over.
type again struct{ request []byte }

func (a again) first() ([]byte, bool)               { return a.request, false }
func (a again) next(*reply, instant) ([]byte, bool) { return a.request, false }

// compareGets asks both servers for files as fast as they answer.
func compareGets(ctx context.Context, s settings, w io.Writer) error {
	st, err := newStager(ctx, s)
	if err != nil {
		return err
	}
	defer st.clean()
	var all []map[string]gotten
	for _, open := range st.theaters() {
		figures, err := measureGets(ctx, open, s)
		if err != nil {
			return err
		}
		all = append(all, figures)
	}
	for _, what := range []string{aPlaylist, aPart} {
		printGets(w, s, what, all[0][what], all[1][what])
	}
	return nil
}

func printGets(w io.Writer, s settings, what string, ours, base gotten) {
	t := table{
		title: fmt.Sprintf("Plain GET of %s: %d connections, each asks again at once, %v", what, getClients, s.getTime),
		ours:  "cuelight", base: baseName,
	}
	t.add("requests per second", whole, ours.rate, base.rate)
	t.addTime("server CPU per request", micros, ours.server, base.server)
	t.add("allocations per request", number, ours.mallocs, base.mallocs)
	t.addTime("server CPU per request of bare net/http with the same answer", micros, ours.bare.server, base.bare.server)
	t.tell("size, as it is sent", kib, float64(ours.size), float64(base.size))
	t.tell("cores: server", decimals, ours.cores.server, base.cores.server)
	t.tell("cores: generator", decimals, ours.cores.generator, base.cores.generator)
	t.tell("cores: other programs", decimals, ours.cores.others, base.cores.others)
	t.print(w)
}

// The files that are asked for.
const (
	aPlaylist = "the playlist"
	aPart     = "a part with a key frame"
)

// gotten is what it costs a server to send a file, and what it would cost a
// handler that does nothing else.
type gotten struct {
	*getFigures
	bare *getFigures
}

// measureGets asks for the playlist, then for the newest part.
func measureGets(ctx context.Context, open func(context.Context) (*stage, error), s settings) (_ map[string]gotten, err error) {
	st, err := open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.stop()) }()
	if err := st.awaitFull(ctx); err != nil {
		return nil, err
	}
	all := make(map[string]gotten)
	for _, what := range []string{aPlaylist, aPart} {
		file := st.playlist
		if what == aPart {
			file, err = newestPart(ctx, st.peer, st.playlist)
		}
		var g gotten
		if err == nil {
			g.getFigures, err = measureGet(ctx, st, file, s.getTime)
		}
		if err == nil {
			g.bare, err = measureBare(ctx, st, file, s)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", st.name, what, err)
		}
		all[what] = g
	}
	return all, nil
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

func measureGet(ctx context.Context, st *stage, file string, d time.Duration) (*getFigures, error) {
	w, err := newSwarm(st.url)
	if err != nil {
		return nil, err
	}
	defer w.close()
	for range getClients {
		if err := w.join(again{w.request(file)}); err != nil {
			return nil, err
		}
	}
	if err := w.run(ctx, now()+instant(time.Second)); err != nil {
		return nil, err
	}
	watched, err := watchOthers(st.peer)
	if err != nil {
		return nil, err
	}
	before, err := st.read()
	if err != nil {
		return nil, err
	}
	w.reset()
	if err := w.run(ctx, now()+instant(d)); err != nil {
		return nil, err
	}
	after, err := st.read()
	if err != nil {
		return nil, err
	}
	others, err := watched()
	if err != nil {
		return nil, err
	}
	if w.failed > 0 || w.requests == 0 {
		return nil, fmt.Errorf("%s: %d answers, %d errors: %w", file, w.requests, w.failed, errors.Join(w.failure))
	}
	f := figuresOf(1, w.requests, before, after)
	f.cores.others = max(0, others*float64(machineCores())-f.cores.encoder)
	return &getFigures{
		rate:    f.requests,
		server:  (after.server - before.server) / time.Duration(w.requests),
		mallocs: f.mallocs,
		size:    int(w.bytes) / w.requests,
		cores:   f.cores,
	}, nil
}

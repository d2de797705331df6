package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// firstFigures are how long the first viewers wait.
type firstFigures struct {
	media         time.Duration // from the publisher's first picture until a part can be had
	first, second time.Duration // of a channel on the air: until all since the newest key frame is there
}

// quiet is how long a channel is on the air before anybody asks for it.
const quiet = 12 * time.Second

// compareFirst measures both servers with their usual parts of ten pictures.
func compareFirst(ctx context.Context, s settings, w io.Writer) error {
	st, err := newStager(ctx, s)
	if err != nil {
		return err
	}
	defer st.clean()
	settings := fmt.Sprintf("segment: %v, window: %v", segment, listed*segment)
	ours, err := measureFirst(ctx, func() (*stage, error) { return st.product(ctx, settings) })
	if err != nil {
		return fmt.Errorf("cuelight: %w", err)
	}
	base, err := measureFirst(ctx, func() (*stage, error) { return st.baseline(ctx, longPartBase) })
	if err != nil {
		return fmt.Errorf("gohlslib: %w", err)
	}
	t := table{title: "First viewers: parts of ten pictures, segments of two seconds", ours: "cuelight", base: baseName}
	t.addTime("from the publisher's first picture to the first part", millis, ours.media, base.media)
	t.addTime("on the air, first viewer: from connecting to all since the newest key frame", millis, ours.first, base.first)
	t.addTime("on the air, second viewer", millis, ours.second, base.second)
	t.print(w)
	return nil
}

func measureFirst(ctx context.Context, open func() (*stage, error)) (*firstFigures, error) {
	f := new(firstFigures)
	err := onStage(open, func(st *stage) (err error) {
		f.media, err = st.firstPart(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, onStage(open, func(st *stage) (err error) {
		if err := pause(ctx, quiet); err != nil {
			return err
		}
		if f.first, err = st.visit(ctx); err != nil {
			return err
		}
		f.second, err = st.visit(ctx)
		return err
	})
}

func onStage(open func() (*stage, error), measure func(*stage) error) error {
	st, err := open()
	if err != nil {
		return err
	}
	return errors.Join(measure(st), st.stop())
}

// firstPart asks from the publisher's connection on until a part is there.
func (s *stage) firstPart(ctx context.Context) (time.Duration, error) {
	var failure error
	for deadline := time.Now().Add(publisherLive); time.Now().Before(deadline); {
		if _, failure = s.visit(ctx); failure == nil {
			at := now()
			var pushed []instant
			if err := getJSON(s.encoder.url+pushedPath, &pushed); err != nil {
				return 0, err
			}
			return at.sub(pushed[0]), nil
		}
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("no part after %v: %w", publisherLive, failure)
}

// visit is a viewer that joins: the playlists, the init section and all parts
// since the newest key frame. It returns how long that took.
func (s *stage) visit(ctx context.Context) (time.Duration, error) {
	began := now()
	c, err := dialHLS(ctx, s.url)
	if err != nil {
		return 0, err
	}
	defer c.conn.Close()
	if err := c.get(hlsPath, "index.m3u8"); err != nil {
		return 0, err
	}
	uri, err := firstURI(c.body.Bytes())
	if err != nil {
		return 0, err
	}
	s.playlist = hlsPath + uri
	if err := c.get(s.playlist, ""); err != nil {
		return 0, err
	}
	files := filesToBegin(c.body.Bytes())
	if len(files) == 0 {
		return 0, errors.New("playlist has no part with a key frame")
	}
	for _, f := range files {
		if err := c.get(s.file(f), ""); err != nil {
			return 0, err
		}
	}
	return now().sub(began), nil
}

var (
	tagMap      = []byte("#EXT-X-MAP:")
	independent = []byte("INDEPENDENT=YES")
)

// filesToBegin returns the URIs that a player loads to begin at the newest key
// frame of a playlist: the init section, and the parts from there on. Empty
// without a part that has a key frame.
func filesToBegin(playlist []byte) []string {
	init, parts, found := "", []string(nil), false
	for line := range bytes.Lines(playlist) {
		isMap, isPart := bytes.HasPrefix(line, tagMap), bytes.HasPrefix(line, tagPart)
		_, after, ok := bytes.Cut(line, uriBegin)
		if !ok || !isMap && !isPart {
			continue
		}
		uri, _, _ := bytes.Cut(after, []byte(`"`))
		if isMap {
			init = string(uri)
			continue
		}
		if bytes.Contains(line, independent) {
			parts, found = parts[:0], true
		}
		parts = append(parts, string(uri))
	}
	if !found {
		return nil
	}
	return append([]string{init}, parts...)
}

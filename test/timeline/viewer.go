package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"github.com/cuelight/cuelight/sync/clock"
)

// picture is what a viewer learns of one.
type picture struct {
	n    int64
	date time.Time // its programme date
	seen time.Time
}

// moment is what the server says of the timeline.
type moment struct {
	at    time.Time
	state string
	epoch int
	ppm   float64
}

// sight is everything a viewer saw.
type sight struct {
	pictures        []picture
	moments         []moment
	discontinuities int
}

// watch reads playlists and segments until ctx ends.
func watch(ctx context.Context, srv *server) (*sight, error) {
	v := &viewer{srv: srv, have: map[string]bool{}, out: new(sight)}
	poll := time.NewTicker(250 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return v.out, nil
		case <-poll.C:
		}
		if err := v.look(ctx); err != nil && ctx.Err() == nil {
			return nil, err
		}
	}
}

type viewer struct {
	srv      *server
	playlist string // path of the pictures' playlist, once known
	have     map[string]bool
	out      *sight
}

func (v *viewer) look(ctx context.Context) error {
	if err := v.ask(ctx); err != nil {
		return err
	}
	if v.playlist == "" {
		return v.find(ctx)
	}
	text, ok, err := v.srv.get(ctx, v.playlist)
	if err != nil || !ok {
		return err
	}
	return v.read(ctx, text)
}

// ask notes what the server says of its timeline.
func (v *viewer) ask(ctx context.Context) error {
	var t struct {
		State string
		Epoch int
	}
	var health struct{ PPM float64 }
	if ok, err := v.srv.getJSON(ctx, "/hls/"+channel+"/timeline.json", &t); err != nil || !ok {
		return err
	}
	if _, err := v.srv.getJSON(ctx, "/api/v1/channels/"+channel, &health); err != nil {
		return err
	}
	v.out.moments = append(v.out.moments, moment{at: time.Now(), state: t.State, epoch: t.Epoch, ppm: health.PPM})
	return nil
}

// find looks for the first variant, which has pictures.
func (v *viewer) find(ctx context.Context) error {
	const multivariant = "/hls/" + channel + "/index.m3u8"
	text, ok, err := v.srv.get(ctx, multivariant)
	if err != nil || !ok {
		return err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for next := false; lines.Scan(); {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "#EXT-X-STREAM-INF:"):
			next = true
		case next && !strings.HasPrefix(line, "#"):
			v.playlist = path.Join(path.Dir(multivariant), line)
			return nil
		}
	}
	return nil
}

// read takes the segments of a playlist that are new.
func (v *viewer) read(ctx context.Context, text []byte) error {
	var date time.Time
	breaks := 0
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		line := lines.Text()
		tag, value, _ := strings.Cut(line, ":")
		switch {
		case tag == "#EXT-X-PROGRAM-DATE-TIME":
			at, err := time.Parse(time.RFC3339Nano, value)
			if err != nil {
				return fmt.Errorf("programme date: %w", err)
			}
			date = at
		case tag == "#EXT-X-DISCONTINUITY":
			breaks++
		case line != "" && line[0] != '#' && !v.have[line]:
			v.have[line] = true
			if err := v.segment(ctx, line, date); err != nil {
				return err
			}
		}
	}
	v.out.discontinuities = max(v.out.discontinuities, breaks)
	return nil
}

// segment fetches one and notes its pictures. A segment's programme date is
// that of its first picture; the others follow at the pace of the media.
func (v *viewer) segment(ctx context.Context, uri string, date time.Time) error {
	if date.IsZero() {
		return fmt.Errorf("segment %s has no programme date", uri)
	}
	body, ok, err := v.srv.get(ctx, path.Join(path.Dir(v.playlist), uri))
	if err != nil || !ok {
		return err
	}
	var parts fmp4.Parts
	if err := parts.Unmarshal(body); err != nil {
		return fmt.Errorf("segment %s: %w", uri, err)
	}
	first := int64(-1)
	for _, p := range parts {
		for _, t := range p.Tracks {
			at := int64(t.BaseTime)
			for _, s := range t.Samples {
				if n, ok := numberIn(s.Payload); ok {
					if first < 0 {
						first = at
					}
					since := clock.Ticks(at - first).Duration()
					v.out.pictures = append(v.out.pictures, picture{n: n, date: date.Add(since), seen: time.Now()})
				}
				at += int64(s.Duration)
			}
		}
	}
	return nil
}

// numberIn returns the number in an access unit as MP4 keeps it.
func numberIn(payload []byte) (int64, bool) {
	var unit h264.AVCC
	if err := unit.Unmarshal(payload); err != nil {
		return 0, false
	}
	for _, nal := range unit {
		if n, ok := numberOf(nal); ok {
			return n, true
		}
	}
	return 0, false
}

// errNothing says that no picture was found again.
var errNothing = errors.New("no picture with a number was seen")

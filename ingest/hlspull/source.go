package hlspull

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/cuelight/cuelight/ingest"
)

// source is what is followed: a playlist that leads, and perhaps one with its
// sound.
type source struct {
	lead, sound *follower
	ahead       time.Duration // media that are there already, from where it begins
	link        func() ingest.Link
}

// openSource reads the playlists.
func openSource(ctx context.Context, f *fetcher, at *url.URL) (*source, error) {
	text, base, err := f.get(ctx, request{url: at, limit: maxPlaylist, timeout: playlistTimeout})
	if err != nil {
		return nil, err
	}
	s := &source{link: func() ingest.Link { return linkOf(base) }}
	if !isMultivariant(text) {
		if s.lead, err = newFollower(f, base, text); err != nil {
			return nil, err
		}
		return s.begin(), nil
	}
	v, err := readMultivariant(text)
	if err != nil {
		return nil, err
	}
	if s.lead, err = openFollower(ctx, f, base, v.uri); err != nil {
		return nil, err
	}
	if v.sound != "" {
		if s.sound, err = openFollower(ctx, f, base, v.sound); err != nil {
			return nil, err
		}
	}
	return s.begin(), nil
}

func openFollower(ctx context.Context, f *fetcher, base *url.URL, uri string) (*follower, error) {
	u, err := resolve(base, uri)
	if err != nil {
		return nil, err
	}
	text, at, err := f.get(ctx, request{url: u, limit: maxPlaylist, timeout: playlistTimeout})
	if err != nil {
		return nil, err
	}
	return newFollower(f, at, text)
}

func newFollower(f *fetcher, at *url.URL, text []byte) (*follower, error) {
	list, err := readMedia(text)
	if err != nil {
		return nil, err
	}
	if list.ended {
		return nil, errEnded
	}
	return &follower{fetch: f, url: at, base: at, list: list, pieces: make(chan piece, 1), overhead: len(text)}, nil
}

// begin decides where the followers begin: the sound where the pictures do.
func (s *source) begin() *source {
	s.lead.next = s.lead.list.start()
	s.ahead = s.lead.list.span(s.lead.next)
	if s.sound == nil {
		return s
	}
	var date time.Time
	if items, _, _ := s.lead.list.after(s.lead.next, false); len(items) > 0 {
		date = items[0].date
	}
	s.sound.next = s.sound.list.startAt(date)
	return s
}

// followers returns those that there are, the leading one first.
func (s *source) followers() []*follower {
	if s.sound == nil {
		return []*follower{s.lead}
	}
	return []*follower{s.lead, s.sound}
}

// trouble is what a follower last failed in, nil when all goes well.
func (s *source) trouble() error {
	for _, f := range s.followers() {
		if err := f.trouble.Load(); err != nil {
			return *err
		}
	}
	return nil
}

// linkOf is what is known of the way from an origin.
func linkOf(u *url.URL) ingest.Link {
	l := ingest.Link{Loss: -1}
	if u.Scheme == "https" {
		l.Encryption = "TLS"
	}
	return l
}

// quote makes text that a source sent harmless in logs.
func quote(text string) string { return strconv.QuoteToASCII(text[:min(len(text), 64)]) }

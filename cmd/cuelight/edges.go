package main

import (
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/edge"
	"github.com/cuelight/cuelight/packager/origin"
)

// openEdge makes what serves the media of other nodes. The media of a channel
// are its home's, but who may see them is judged here, as it is there: both have
// the same secret, and the same settings.
func (c *cluster) openEdge(media *origin.Origin) (err error) {
	c.media = media
	c.edge, err = edge.New(edge.Config{
		Upstream: c.upstream,
		Admit: func(w http.ResponseWriter, r *http.Request, _ string, _ packager.Name) bool {
			return media.Admit(w, r)
		},
		Token: c.playToken,
		Client: &http.Client{
			Transport: signing{c.peers, &http.Transport{
				DialContext:            (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
				MaxIdleConnsPerHost:    64,
				IdleConnTimeout:        90 * time.Second,
				MaxResponseHeaderBytes: 16 << 10,
				DisableCompression:     true,
			}},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		MaxHeld: c.srv.settings.HLS.MaxHeld, MaxHeldPerAddress: c.srv.settings.HLS.MaxHeldPerAddress, Log: c.log,
	})
	return err
}

// playToken is what this node shows to the home of a protected channel, "" for
// a public one.
func (c *cluster) playToken(channel string) string {
	if !c.srv.settings.Channels[channel].Protected {
		return ""
	}
	return c.peers.pass(channel, time.Now())
}

// upstream is the address of a channel's home, false while there is none.
func (c *cluster) upstream(channel string) (string, bool) {
	s := c.seats[channel]
	if s == nil {
		return "", false
	}
	home := s.homeNode(c.id)
	if home == "" || home == c.id {
		return "", false
	}
	p, ok := c.directory.find(home)
	return p.URL, ok
}

// serveMedia serves a channel's media from here if this node is its home, and
// from there otherwise. While no home is known the edge lets players wait: told
// that there is nothing, some give up for good.
func (c *cluster) serveMedia(w http.ResponseWriter, r *http.Request) {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, hlsPath), "/")
	s := c.seats[name]
	if s != nil {
		if s.homeNode(c.id) != c.id {
			c.edge.ServeHTTP(w, r)
			return
		}
	}
	c.media.ServeHTTP(w, r)
}

package main

import (
	"fmt"
	"time"

	"github.com/cuelight/cuelight/internal/audience"
	"github.com/cuelight/cuelight/internal/demo"
	"github.com/cuelight/cuelight/internal/token"
)

// demoTokenTTL is how long the demo's sign-in link works.
const demoTokenTTL = 24 * time.Hour

// addDemo adds the demo's broadcast, audience and rundown, all of which go
// through the same doors as anybody else's, and returns a link that signs a
// producer in to the studio.
func (srv *server) addDemo() (signIn string, err error) {
	name := srv.settings.sortedChannels()[0]
	now := time.Now()
	tok, err := srv.tokens.Mint(token.Claims{Role: token.RoleProducer, Subject: "producer", Expires: now.Add(demoTokenTTL)}, now)
	if err != nil {
		return "", fmt.Errorf("sign the producer in: %w", err)
	}
	web := reachable(srv.open.http.Addr())
	if !srv.settings.NoBroadcast {
		if srv.open.rtmp == nil {
			return "", fmt.Errorf("rtmp: the demo broadcasts over it: switch it on, or use --no-broadcast")
		}
		srv.group.Add("demo broadcast", &demo.Broadcast{
			Addr: reachable(srv.open.rtmp.Addr()), Channel: name, Key: srv.keys[name], Log: srv.log,
		})
	}
	room, _ := srv.engine.Room(name)
	srv.group.Add("demo rundown", &demo.Rundown{
		Producer: room,
		Room:     srv.room,
		Live:     func() bool { _, _, live := srv.channels[name].Edge(); return live },
		Log:      srv.log,
	})
	if n := srv.crowdSize(); n > 0 {
		srv.group.Add("demo audience", srv.crowd("ws://"+web+"/ws/v1", name, n))
	}
	return signInLink("http://"+web, tok)
}

// nameDemo gives a channel that nobody has named a title to look at.
func (s settings) nameDemo() {
	if c, ok := s.Channels[defaultChannel]; ok && c.Title == defaultChannel {
		c.Title = "Cuelight demo"
		s.Channels[defaultChannel] = c
	}
}

func (srv *server) crowdSize() int {
	if srv.settings.Viewers == nil {
		return defaultViewers
	}
	return *srv.settings.Viewers
}

// crowd is the demo's audience.
func (srv *server) crowd(url, channel string, size int) *audience.Crowd {
	return &audience.Crowd{URL: url, Channel: channel, Size: size, Seed: uint64(time.Now().UnixNano()), Log: srv.log}
}

package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// whipSettings are for publishers that come by WebRTC.
type whipSettings struct {
	// Public are the addresses that publishers reach this machine by, where they
	// are not its own.
	Public []string `yaml:"public"`
	// ICEServers are STUN and TURN servers, for us and for publishers.
	ICEServers []iceServer `yaml:"ice_servers"`
}

type iceServer struct {
	URL        string `yaml:"url"` // stun:HOST:PORT, turn:…, turns:…
	Username   string `yaml:"username"`
	Credential secret `yaml:"credential"`
}

// ingestSettings limit publishers.
type ingestSettings struct {
	Sessions   int     `yaml:"sessions"`    // on this server
	PerAddress int     `yaml:"per_address"` // from one IP address
	Bitrate    bitrate `yaml:"bitrate"`     // of one publisher
	SRTLatency span    `yaml:"srt_latency"` // at least, for packets to be sent again
}

func (i *ingestSettings) setDefaults() {
	i.Sessions = cmp.Or(i.Sessions, 64)
	i.PerAddress = cmp.Or(i.PerAddress, 16)
	i.Bitrate = cmp.Or(i.Bitrate, 50_000_000)
	i.SRTLatency = cmp.Or(i.SRTLatency, span{120 * time.Millisecond})
}

func (s settings) validateIngest() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, addr := range s.WHIP.Public {
		if _, err := netip.ParseAddr(addr); err != nil {
			bad("whip.public: %q is not an IP address", addr)
		}
	}
	for _, server := range s.WHIP.ICEServers {
		if kind, _, _ := strings.Cut(server.URL, ":"); kind != "stun" && kind != "stuns" && kind != "turn" && kind != "turns" {
			bad("whip.ice_servers: %q is not stun:HOST:PORT or turn:HOST:PORT", server.URL)
		}
	}
	if s.Ingest.Sessions < 1 || s.Ingest.Sessions > 1000 {
		bad("ingest.sessions: %d is not between 1 and 1000", s.Ingest.Sessions)
	}
	if s.Ingest.PerAddress < 1 || s.Ingest.PerAddress > 1000 {
		bad("ingest.per_address: %d is not between 1 and 1000", s.Ingest.PerAddress)
	}
	if s.Ingest.Bitrate < 100_000 {
		bad("ingest.bitrate: less than 100k lets nobody in")
	}
	if d := s.Ingest.SRTLatency.Duration; d < 20*time.Millisecond || d > 8*time.Second {
		bad("ingest.srt_latency: %v is not between 20ms and 8s", d)
	}
	return errors.Join(errs...)
}

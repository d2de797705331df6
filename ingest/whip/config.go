package whip

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/cuelight/cuelight/ingest"
)

// Config is how to reach the server. The zero value works on a machine with an
// address of its own.
type Config struct {
	// UDPAddr is the one UDP port of all publishers. Default ":8189".
	UDPAddr string
	// PublicAddresses are the IP addresses that publishers are told instead of
	// the machine's own: those of the router in front of it, and of the local
	// network if there are publishers too. At most 8.
	PublicAddresses []string
	// ICEServers help where UDP does not get through. Publishers are told them
	// once their key has been accepted, and the server uses them itself.
	ICEServers []ICEServer
	// KeyFrameEvery is the segment length: so often publishers are asked for a
	// key frame. Default 2 s, at least 500 ms.
	KeyFrameEvery time.Duration
	// Origins are the web pages that may publish, such as https://example.com.
	// Empty is all of them; a key is needed in any case.
	Origins []string
	// Log receives what is wrong with the port. Nil discards.
	Log *slog.Logger
}

// ICEServer is a STUN or TURN server.
type ICEServer struct {
	// URL is stun:HOST:PORT, turn:HOST:PORT, turns:HOST:PORT or stuns:HOST:PORT,
	// the last three with an optional ?transport=tcp.
	URL        string
	Username   string        // TURN
	Credential ingest.Secret // TURN
}

const (
	defaultUDPAddr  = ":8189"
	defaultKeyFrame = 2 * time.Second
	minKeyFrame     = 500 * time.Millisecond
	maxAddresses    = 8
	maxICEServers   = 8
)

func (c Config) withDefaults() Config {
	c.UDPAddr = cmp.Or(c.UDPAddr, defaultUDPAddr)
	c.KeyFrameEvery = cmp.Or(c.KeyFrameEvery, defaultKeyFrame)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Validate reports everything that is wrong, joined.
func (c Config) Validate() error {
	var errs []error
	if c.KeyFrameEvery != 0 && c.KeyFrameEvery < minKeyFrame {
		errs = append(errs, fmt.Errorf("key frames every %v: at least %v", c.KeyFrameEvery, minKeyFrame))
	}
	if len(c.PublicAddresses) > maxAddresses || len(c.ICEServers) > maxICEServers {
		errs = append(errs, fmt.Errorf("at most %d public addresses and %d ICE servers", maxAddresses, maxICEServers))
	}
	for _, a := range c.PublicAddresses {
		if ip, err := netip.ParseAddr(a); err != nil || ip.IsUnspecified() || ip.IsMulticast() {
			errs = append(errs, fmt.Errorf("public address %q: not an IP address that can be reached", a))
		}
	}
	for _, s := range c.ICEServers {
		errs = append(errs, s.validate())
	}
	return errors.Join(errs...)
}

// validate keeps what goes into a Link header from breaking out of it.
func (s ICEServer) validate() error {
	scheme, rest, _ := strings.Cut(s.URL, ":")
	switch {
	case scheme != "stun" && scheme != "stuns" && scheme != "turn" && scheme != "turns", rest == "":
		return fmt.Errorf("ICE server %q: not stun:HOST:PORT, turn:HOST:PORT or turns:HOST:PORT", s.URL)
	case strings.ContainsFunc(s.URL+s.Username+string(s.Credential), breaksHeader):
		return fmt.Errorf("ICE server %q: quotes, angle brackets, backslashes and blanks cannot be told to publishers", s.URL)
	case strings.HasPrefix(scheme, "turn") && (s.Username == "" || s.Credential == ""):
		return fmt.Errorf("ICE server %q: TURN needs a user name and a credential", s.URL)
	}
	return nil
}

func breaksHeader(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"<>\`, r) }

// link is the server as a Link header's value. Spec: RFC 9725 §4.6.
func (s ICEServer) link() string {
	link := fmt.Sprintf(`<%s>; rel="ice-server"`, s.URL)
	if s.Username != "" {
		link += fmt.Sprintf(`; username="%s"; credential="%s"; credential-type="password"`, s.Username, string(s.Credential))
	}
	return link
}

func (c Config) iceServers() []webrtc.ICEServer {
	var servers []webrtc.ICEServer
	for _, s := range c.ICEServers {
		server := webrtc.ICEServer{URLs: []string{s.URL}, Username: s.Username}
		if s.Credential != "" {
			server.Credential = string(s.Credential)
		}
		servers = append(servers, server)
	}
	return servers
}

package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/cuelight/cuelight/interact"
)

// settings are everything that can be configured. Flags override the
// environment, which overrides the file, which overrides the defaults.
type settings struct {
	HTTP   string `yaml:"http"`
	HTTPS  string `yaml:"https"`
	RTMP   string `yaml:"rtmp"`
	RTMPS  string `yaml:"rtmps"`
	SRT    string `yaml:"srt"`
	RTSP   string `yaml:"rtsp"`
	WebRTC string `yaml:"webrtc"`
	Admin  string `yaml:"admin"`
	Data   string `yaml:"data"`

	// Durability is how an answer is kept before it is acknowledged: log, memory,
	// or replicated where there is more than one machine.
	Durability string `yaml:"durability"`

	// Secret is what tokens and keys are made from, SecretFile a file that holds
	// it. With neither, one is made and kept in the data folder.
	Secret     secret `yaml:"secret"`
	SecretFile string `yaml:"secret_file"`

	// Roles are what this process does. Those that are left out other nodes do.
	Roles    roleList         `yaml:"roles"`
	Node     nodeSettings     `yaml:"node"`
	Redis    redisSettings    `yaml:"redis"`
	Postgres postgresSettings `yaml:"postgres"`

	// History keeps results in a file, where there is no database.
	History bool `yaml:"history"`
	// HistoryKeep is how long shows stay in the history after their end. Zero is
	// for good.
	HistoryKeep span `yaml:"history_keep"`

	// Tenants share this server, each within limits of its own.
	Tenants map[string]tenantSettings `yaml:"tenants"`

	Capacity capacitySettings `yaml:"capacity"`

	LogLevel  string `yaml:"log_level"`
	LogFormat string `yaml:"log_format"`

	// Origins are the sites, beside this server's own, whose pages may open
	// sockets: "https://example.org", or "*" for any.
	Origins []string `yaml:"origins"`
	// Proxies are the addresses or networks whose X-Forwarded-For is believed.
	Proxies []string `yaml:"proxies"`

	TLS      tlsSettings      `yaml:"tls"`
	Playback playbackSettings `yaml:"playback"`
	HLS      hlsSettings      `yaml:"hls"`
	WHIP     whipSettings     `yaml:"whip"`
	Ingest   ingestSettings   `yaml:"ingest"`
	Clock    clockSettings    `yaml:"clock"`
	// FFmpeg is the program that makes the renditions of channels that want some.
	FFmpeg string `yaml:"ffmpeg"`

	Channels map[string]channelSettings `yaml:"channels"`

	// Demo only.
	NoBroadcast bool `yaml:"no_broadcast"`
	Viewers     *int `yaml:"viewers"`
}

// Addresses that are none: do not listen, and listen where there is room.
const (
	off  = "off"
	auto = "auto"
)

const defaultChannel = "show"

// readSettings reads file (none if empty), lays flags over it and defaults
// under it, and validates the result.
func readSettings(file string, flags listenFlags) (settings, error) {
	var s settings
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return s, fmt.Errorf("read configuration: %w", err)
		}
		if err := yaml.UnmarshalWithOptions(text, &s, yaml.Strict()); err != nil {
			return s, fmt.Errorf("configuration %s: %s", file, yaml.FormatError(err, false, true))
		}
	}
	s.overlay(flags)
	s.setDefaults()
	if err := s.Validate(); err != nil {
		return s, fmt.Errorf("configuration: %w", err)
	}
	return s, nil
}

func (s *settings) overlay(f listenFlags) {
	for _, o := range []struct {
		to   *string
		from string
	}{
		{&s.HTTP, f.HTTP}, {&s.HTTPS, f.HTTPS}, {&s.RTMP, f.RTMP}, {&s.RTMPS, f.RTMPS}, {&s.SRT, f.SRT}, {&s.RTSP, f.RTSP},
		{&s.WebRTC, f.WebRTC}, {&s.Admin, f.Admin}, {&s.Data, f.Data}, {&s.LogLevel, f.LogLevel}, {&s.LogFormat, f.LogFormat},
		{&s.Node.ID, f.NodeID}, {&s.Node.Listen, f.NodeListen}, {&s.Node.URL, f.NodeURL}, {&s.Node.Public, f.NodePublic},
	} {
		*o.to = cmp.Or(o.from, *o.to)
	}
	if f.Roles != "" {
		s.Roles = strings.Split(f.Roles, ",")
	}
}

func (s *settings) setDefaults() {
	s.HTTP = cmp.Or(s.HTTP, ":8080")
	s.RTMP = cmp.Or(s.RTMP, ":1935")
	s.SRT = cmp.Or(s.SRT, ":8890")
	s.HTTPS = cmp.Or(s.HTTPS, s.withTLS(":8443"))
	s.RTMPS = cmp.Or(s.RTMPS, s.withTLS(":1936"))
	s.RTSP = cmp.Or(s.RTSP, ":8554")
	s.WebRTC = cmp.Or(s.WebRTC, auto)
	s.Admin = cmp.Or(s.Admin, "127.0.0.1:9090")
	s.Durability = cmp.Or(s.Durability, string(interact.LevelLog))
	s.LogLevel = cmp.Or(s.LogLevel, "info")
	s.LogFormat = cmp.Or(s.LogFormat, "text")
	s.FFmpeg = cmp.Or(s.FFmpeg, "ffmpeg")
	s.Capacity.setDefaults()
	s.Ingest.setDefaults()
	s.Clock.setDefaults()
	s.Playback.setDefaults()
	s.HLS.setDefaults()
	if len(s.Channels) == 0 {
		s.Channels = map[string]channelSettings{defaultChannel: {}}
	}
	for name, c := range s.Channels {
		c.setDefaults(name)
		s.Channels[name] = c
	}
	s.setNodeDefaults()
}

// dataBesideProgram is where serve keeps its data unless told otherwise.
func dataBesideProgram() (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the program's folder (name one with --data): %w", err)
	}
	return filepath.Join(filepath.Dir(exe), "cuelight-data"), nil
}

var channelName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// Validate reports everything that is wrong, each problem under its setting's
// name.
func (s settings) Validate() error {
	var errs []error
	for _, a := range []struct {
		name, addr string
		optional   bool
	}{
		{"http", s.HTTP, false}, {"https", s.HTTPS, true}, {"rtmp", s.RTMP, true}, {"rtmps", s.RTMPS, true}, {"srt", s.SRT, true},
		{"rtsp", s.RTSP, true}, {"webrtc", s.WebRTC, true}, {"admin", s.Admin, true},
	} {
		if a.optional && a.addr == off || a.name == "webrtc" && a.addr == auto {
			continue
		}
		if err := checkAddress(a.addr); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", a.name, err))
		}
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, s.LogLevel) {
		errs = append(errs, fmt.Errorf("log_level: %q is none of debug, info, warn, error", s.LogLevel))
	}
	if s.LogFormat != "text" && s.LogFormat != "json" {
		errs = append(errs, fmt.Errorf("log_format: %q is neither text nor json", s.LogFormat))
	}
	if s.Viewers != nil && (*s.Viewers < 0 || *s.Viewers > 5000) {
		errs = append(errs, fmt.Errorf("viewers: %d is not between 0 and 5000", *s.Viewers))
	}
	for _, p := range s.Proxies {
		if _, err := parseNetwork(p); err != nil {
			errs = append(errs, fmt.Errorf("proxies: %w", err))
		}
	}
	errs = append(errs, s.validateDurability(), s.Capacity.validate(), s.validateIngest(), s.validateDelivery(), s.validateClock(), s.validateNode(), s.validateHistory(), s.validateTenants())
	for _, name := range s.sortedChannels() {
		if err := s.Channels[name].validate(name); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// parseNetwork reads 10.0.0.0/8, or a single address.
func parseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return network, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", text)
	}
	return network, nil
}

// proxies are the trusted networks. Validate has checked them.
func (s settings) proxies() []netip.Prefix {
	var out []netip.Prefix
	for _, p := range s.Proxies {
		if network, err := parseNetwork(p); err == nil {
			out = append(out, network)
		}
	}
	return out
}

func (s settings) sortedChannels() []string { return slices.Sorted(maps.Keys(s.Channels)) }

func (s settings) channelNames() string { return strings.Join(s.sortedChannels(), ", ") }

// defaultViewers is the size of the demo's audience.
const defaultViewers = 300

func checkAddress(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%q is not HOST:PORT or :PORT", addr)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q: the port %q is not a number from 0 to 65535", addr, port)
	} else if n == 0 && port != "0" {
		return fmt.Errorf("%q: write port 0 as 0", addr)
	}
	return nil
}

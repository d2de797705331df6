package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// channelSettings are one channel's.
type channelSettings struct {
	Title string `yaml:"title"`
	// Tenant is whose channel it is, where there are tenants.
	Tenant string `yaml:"tenant"`
	// Key is the stream key; KeyFile names a file that holds it. With neither,
	// one is made and kept in the data folder.
	Key     secret `yaml:"key"`
	KeyFile string `yaml:"key_file"`
	// Open lets anybody publish without a key.
	Open bool `yaml:"open"`
	// Passphrase is what SRT callers have to encrypt with, PassphraseFile a file
	// that holds it.
	Passphrase     secret `yaml:"passphrase"`
	PassphraseFile string `yaml:"passphrase_file"`
	// Takeover lets a second publisher take the place of the first.
	Takeover bool `yaml:"takeover"`
	// TrustEncoder takes the encoder's own clock for the time of the picture.
	TrustEncoder bool `yaml:"trust_encoder_clock"`
	// Source is an HLS playlist that the channel takes its stream from.
	Source string `yaml:"source"`

	// Protected lets nobody play who has no token for the channel.
	Protected bool `yaml:"protected"`
	// Identity says who may take part.
	Identity identitySettings `yaml:"identity"`

	Latency span `yaml:"latency"` // target latency L
	// LatencyAuto raises it while viewers cannot hold it.
	LatencyAuto latencyAuto `yaml:"latency_auto"`

	Part    span `yaml:"part"`    // PART-TARGET
	Segment span `yaml:"segment"` // TARGETDURATION
	Window  span `yaml:"window"`  // how far back viewers can seek
	// HoldBack and PartHoldBack are how far from the edge players are told to
	// stay.
	HoldBack     span `yaml:"hold_back"`
	PartHoldBack span `yaml:"part_hold_back"`

	Archive archiveSettings `yaml:",inline"`

	// Renditions are further qualities of the picture, made by ffmpeg.
	Renditions []renditionSettings `yaml:"renditions"`
}

// renditionSettings are one quality of the picture.
type renditionSettings struct {
	Height  int     `yaml:"height"`  // pixels; the width follows
	Bitrate bitrate `yaml:"bitrate"` // of the picture
}

func (c *channelSettings) setDefaults(name string) {
	c.Title = cmp.Or(c.Title, name)
	c.Latency = cmp.Or(c.Latency, span{2 * time.Second})
	c.Part = cmp.Or(c.Part, span{334 * time.Millisecond})
	c.Segment = cmp.Or(c.Segment, span{2 * time.Second})
	c.Window = cmp.Or(c.Window, span{time.Minute})
	c.HoldBack = cmp.Or(c.HoldBack, span{3 * c.Segment.Duration})
	c.PartHoldBack = cmp.Or(c.PartHoldBack, span{3 * c.Part.Duration})
	c.Identity.setDefaults()
}

// shortestSegment is how often a publisher is asked for a key frame.
func (s settings) shortestSegment() time.Duration {
	shortest := 2 * time.Second
	for _, c := range s.Channels {
		shortest = min(shortest, c.Segment.Duration)
	}
	return shortest
}

// maxRenditions and the picture they are made of fit into a session's tracks.
const maxRenditions = 6

func (c channelSettings) validate(name string) error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("channels.%s.%w", name, fmt.Errorf(format, args...)))
	}
	if !channelName.MatchString(name) {
		errs = append(errs, fmt.Errorf("channels.%s: a channel's name is 1 to 64 of a-z, 0-9, - and _, not beginning with - or _", name))
	}
	if c.Latency.Duration < time.Second || c.Latency.Duration > 30*time.Second {
		bad("latency: %v is not between 1s and 30s", c.Latency)
	}
	if c.Latency.Duration < 3*c.Part.Duration+500*time.Millisecond {
		bad("latency: %v is less than three parts of %v and 500ms", c.Latency, c.Part)
	}
	if err := c.validateLatencyAuto(); err != nil {
		bad("%w", err)
	}
	c.validateSecrets(bad)
	c.Identity.validate(bad)
	c.Archive.validate(bad)
	if err := checkSource(c.Source); err != nil {
		bad("source: %w", err)
	}
	if len(c.Renditions) > maxRenditions {
		bad("renditions: %d are more than %d", len(c.Renditions), maxRenditions)
	}
	for i, r := range c.Renditions {
		if r.Height < 64 || r.Height > 2160 || r.Height%2 != 0 {
			bad("renditions[%d].height: %d is not an even number from 64 to 2160", i, r.Height)
		}
		if r.Bitrate < 50_000 || r.Bitrate > 50_000_000 {
			bad("renditions[%d].bitrate: give one between 50k and 50M", i)
		}
	}
	return errors.Join(errs...)
}

func (c channelSettings) validateSecrets(bad func(string, ...any)) {
	if c.Key != "" && c.KeyFile != "" {
		bad("key: give either key or key_file")
	}
	if c.Open && (c.Key != "" || c.KeyFile != "") {
		bad("open: an open channel has no key")
	}
	if c.Key != "" && len(c.Key) < 8 {
		bad("key: shorter than 8 characters can be guessed")
	}
	if c.Passphrase != "" && c.PassphraseFile != "" {
		bad("passphrase: give either passphrase or passphrase_file")
	}
	if n := len(c.Passphrase); n > 0 && (n < 10 || n > 79) {
		bad("passphrase: SRT wants 10 to 79 characters")
	}
}

func checkSource(source string) error {
	if source == "" {
		return nil
	}
	u, err := url.Parse(source)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("give the address of a playlist, such as https://example.org/live/index.m3u8")
	}
	return nil
}

// passphrase is what SRT callers of the channel have to encrypt with.
func (c channelSettings) passphrase() (string, error) {
	if c.PassphraseFile == "" {
		return string(c.Passphrase), nil
	}
	text, err := readSecret(c.PassphraseFile)
	if err != nil {
		return "", fmt.Errorf("read passphrase: %w", err)
	}
	if len(text) < 10 || len(text) > 79 {
		return "", fmt.Errorf("passphrase in %s: SRT wants 10 to 79 characters", c.PassphraseFile)
	}
	return text, nil
}

package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/cuelight/cuelight/internal/token"
)

// Run prints a producer's token, or a sign-in link that carries it in the
// fragment, which browsers do not send.
func (c producerTokenCommand) Run(_ context.Context, p *program) error {
	tok, err := c.mint(token.RoleProducer, "producer")
	if err != nil {
		return err
	}
	if c.URL == "" {
		_, err = fmt.Fprintln(p.stdout, tok)
		return err
	}
	link, err := signInLink(c.URL, tok)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, link)
	return err
}

// signInLink is the address that signs a producer in to the studio.
func signInLink(base, tok string) (string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("url: %q is not an address such as http://localhost:8080", base)
	}
	return strings.TrimSuffix(u.Scheme+"://"+u.Host+u.Path, "/") + "/studio/#token=" + tok, nil
}

// Run prints a viewer's token.
func (c viewerTokenCommand) Run(_ context.Context, p *program) error {
	tok, err := c.mint(token.RoleViewer, c.Subject)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, tok)
	return err
}

func (f tokenFlags) mint(role, subject string) (string, error) {
	if f.TTL <= 0 {
		return "", fmt.Errorf("ttl: %v is not a time to live", f.TTL)
	}
	s, err := commandSettings(f.Config, f.Data)
	if err != nil {
		return "", err
	}
	for _, name := range f.Channel {
		if _, ok := s.Channels[name]; !ok {
			return "", fmt.Errorf("channel: there is no channel %q (there are: %s)", name, s.channelNames())
		}
	}
	channels, err := s.tokenChannels(f.Channel, f.Tenant)
	if err != nil {
		return "", err
	}
	keys, err := s.openKeys()
	if err != nil {
		return "", err
	}
	now := time.Now()
	return keys.Mint(token.Claims{Role: role, Subject: subject, Channels: channels, Expires: now.Add(f.TTL)}, now)
}

// Run prints what to paste into an encoder as the stream key.
func (c publishKeyCommand) Run(_ context.Context, p *program) error {
	s, err := commandSettings(c.Config, c.Data)
	if err != nil {
		return err
	}
	_, ok := s.Channels[c.Channel]
	if !ok {
		return fmt.Errorf("channel: there is no channel %q (there are: %s)", c.Channel, s.channelNames())
	}
	key, err := streamKey(s, c.Channel)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, publishName(c.Channel, key))
	return err
}

// publishName is the stream key as an encoder sends it.
func publishName(channel, key string) string {
	if key == "" {
		return channel
	}
	return channel + ":" + key
}

// commandSettings are the settings as `serve` would see them, with the data
// folder in place, for commands that read or make its keys.
func commandSettings(config, data string) (settings, error) {
	s, err := readSettings(config, listenFlags{Data: data})
	if err != nil {
		return s, err
	}
	if s.Data == "" {
		beside, err := dataBesideProgram()
		if err != nil {
			return s, err
		}
		s.Data = cmp.Or(s.Data, beside)
	}
	return s, os.MkdirAll(s.Data, 0o700)
}

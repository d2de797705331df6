package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// tenantSettings are what one of several customers of this server may use. Zero
// limits nothing beyond the server's own limits.
type tenantSettings struct {
	// Sockets are viewers and producers connected at once to a node, Handshakes
	// connections let in a second.
	Sockets    int `yaml:"sockets"`
	Handshakes int `yaml:"handshakes"`
	// Answers are taken a second by a node.
	Answers int `yaml:"answers"`
	// Publishers are there at once, Bitrate is that of each.
	Publishers int     `yaml:"publishers"`
	Bitrate    bitrate `yaml:"bitrate"`
}

func (s settings) validateTenants() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.Tenants)) {
		errs = append(errs, s.Tenants[name].validate(name))
	}
	for _, name := range s.sortedChannels() {
		switch of := s.Channels[name].Tenant; {
		case of == "" && len(s.Tenants) > 0:
			errs = append(errs, fmt.Errorf("channels.%s.tenant: there are tenants: say whose the channel is", name))
		case of != "" && len(s.Tenants) == 0:
			errs = append(errs, fmt.Errorf("channels.%s.tenant: there is no tenant %q: name it under tenants", name, of))
		case of != "":
			if _, ok := s.Tenants[of]; !ok {
				errs = append(errs, fmt.Errorf("channels.%s.tenant: there is no tenant %q: name it under tenants", name, of))
			}
		}
	}
	return errors.Join(errs...)
}

func (t tenantSettings) validate(name string) error {
	var errs []error
	if !channelName.MatchString(name) {
		errs = append(errs, fmt.Errorf("tenants.%s: a tenant's name is 1 to 64 of a-z, 0-9, - and _, not beginning with - or _", name))
	}
	for _, f := range []struct {
		name    string
		n, most int
	}{
		{"sockets", t.Sockets, maxSockets}, {"handshakes", t.Handshakes, maxHandshakes}, {"answers", t.Answers, maxAnswers},
		{"publishers", t.Publishers, 1000},
	} {
		if f.n < 0 || f.n > f.most {
			errs = append(errs, fmt.Errorf("tenants.%s.%s: %d is not between 0 and %d", name, f.name, f.n, f.most))
		}
	}
	if t.Bitrate != 0 && t.Bitrate < 100_000 {
		errs = append(errs, fmt.Errorf("tenants.%s.bitrate: less than 100k lets nobody in", name))
	}
	return errors.Join(errs...)
}

// channelsOf are the channels of a tenant.
func (s settings) channelsOf(tenant string) []string {
	var names []string
	for _, name := range s.sortedChannels() {
		if s.Channels[name].Tenant == tenant {
			names = append(names, name)
		}
	}
	return names
}

package main

import (
	"fmt"

	"github.com/cuelight/cuelight/interact/gateway"
)

// shareTenants gives each tenant its part of the gateway.
func (srv *server) shareTenants(cfg *gateway.Config) {
	if len(srv.settings.Tenants) == 0 {
		return
	}
	cfg.Tenant = func(channel string) string { return srv.settings.Channels[channel].Tenant }
	cfg.Tenants = make(map[string]gateway.TenantLimits)
	for name, t := range srv.settings.Tenants {
		cfg.Tenants[name] = gateway.TenantLimits{Connections: t.Sockets, Handshakes: t.Handshakes, Answers: t.Answers}
	}
}

var (
	descTenantSockets = desc("tenant_connections", "Open sockets of a tenant's channels.", "tenant")
	descTenantRefused = desc("tenant_refused_total", "What a tenant's own limits did not let in: sockets, the rush of handshakes, joins at once, answers.", "tenant", "why")
)

// collectTenants tells what each tenant takes, and is refused at its own limits.
func collectTenants(s gateway.Stats, gauge, total meter) {
	for name, t := range s.Tenants {
		if name == "" {
			continue // no tenant's
		}
		gauge(descTenantSockets, float64(t.Connections), name)
		total(descTenantRefused, float64(t.RefusedFull), name, "sockets")
		total(descTenantRefused, float64(t.RefusedRush), name, "handshakes")
		total(descTenantRefused, float64(t.RefusedLine), name, "joins")
		total(descTenantRefused, float64(t.RefusedAnswers), name, "answers")
	}
}

// tokenChannels are the channels that a token is good for: those named, within
// its tenant's. None are all.
func (s settings) tokenChannels(named []string, tenant string) ([]string, error) {
	if tenant == "" {
		return named, nil
	}
	if _, ok := s.Tenants[tenant]; !ok {
		return nil, fmt.Errorf("tenant: there is no tenant %q", tenant)
	}
	for _, name := range named {
		if s.Channels[name].Tenant != tenant {
			return nil, fmt.Errorf("channel: %s is not a channel of tenant %s", name, tenant)
		}
	}
	if len(named) > 0 {
		return named, nil
	}
	all := s.channelsOf(tenant)
	if len(all) == 0 {
		return nil, fmt.Errorf("tenant: %s has no channels", tenant)
	}
	return all, nil
}

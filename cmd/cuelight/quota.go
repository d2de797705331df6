package main

import (
	"sync"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
)

// quota is what the publishers of one tenant may take of this node.
type quota struct {
	limits tenantSettings

	mu         sync.Mutex // protects publishers
	publishers int
}

// take counts a publisher, unless there are enough.
func (q *quota) take(channel string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if most := q.limits.Publishers; most > 0 && q.publishers >= most {
		return ingest.Errorf(ingest.CodeFull, "channel %s: its tenant has %d publishers, its limit: stop another one first", channel, most)
	}
	q.publishers++
	return nil
}

func (q *quota) release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.publishers--
}

// metered is a channel's output within its tenant's quota.
type metered struct {
	ingest.Output
	channel string
	quota   *quota

	// What follows belongs to the session that runs.

	since time.Time // when the second began that is being counted
	bytes int       // in it
	over  int       // seconds in a row above the limit
}

// overFor is for how many seconds in a row a publisher may be above its limit:
// a key frame alone may be.
const overFor = 5

// Begin lets a publisher in if the tenant has room for one.
func (m *metered) Begin(info ingest.Info, tracks []media.Track) error {
	if err := m.quota.take(m.channel); err != nil {
		return err
	}
	if err := m.Output.Begin(info, tracks); err != nil {
		m.quota.release()
		return err
	}
	m.since, m.bytes, m.over = time.Now(), 0, 0
	return nil
}

// Write passes a frame on unless the publisher has been above its limit for too
// long.
func (m *metered) Write(f media.Frame) error {
	for _, unit := range f.Units {
		m.bytes += len(unit)
	}
	if now := time.Now(); now.Sub(m.since) >= time.Second {
		if rate := float64(8*m.bytes) / now.Sub(m.since).Seconds(); m.quota.limits.Bitrate > 0 && rate > float64(m.quota.limits.Bitrate) {
			m.over++
		} else {
			m.over = 0
		}
		m.since, m.bytes = now, 0
	}
	if m.over > overFor {
		return ingest.Errorf(ingest.CodeBitrate, "channel %s: its tenant's limit is %v bit/s: lower the encoder's bit rate", m.channel, m.quota.limits.Bitrate.text())
	}
	return m.Output.Write(f)
}

// End gives the place back.
func (m *metered) End(reason error) {
	m.Output.End(reason)
	m.quota.release()
}

// meter puts the outputs of tenants' channels within their quotas.
func (srv *server) meter(name string, out ingest.Output) ingest.Output {
	tenant := srv.settings.Channels[name].Tenant
	if tenant == "" {
		return out
	}
	if srv.quotas == nil {
		srv.quotas = make(map[string]*quota)
	}
	if srv.quotas[tenant] == nil {
		srv.quotas[tenant] = &quota{limits: srv.settings.Tenants[tenant]}
	}
	return &metered{Output: out, channel: name, quota: srv.quotas[tenant]}
}

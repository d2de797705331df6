package ingest

import "time"

// departure is what is remembered of the last session that had begun.
type departure struct {
	protocol, host string
	at             time.Time
}

// seat gives the publisher the channel, once whoever had it has gone.
func (r *Registry) seat(e *entry, req Request) (*Session, error) {
	old, err := r.claim(e, req)
	if err != nil {
		return nil, err
	}
	if old == nil {
		return r.occupy(e, req, false), nil
	}
	stale := old.silent() >= hesitant
	free, ousted := old.giveWay(Errorf(CodeReplaced, "another publisher has taken over channel %s", e.Name))
	if !free {
		r.renounce(e, req)
		return nil, Errorf(CodeBusy, "channel %s is still busy with the publisher before: try again", e.Name)
	}
	return r.occupy(e, req, ousted && !stale), nil
}

// claim takes a slot and the right to the channel, and returns the session that
// has to go first.
func (r *Registry) claim(e *entry, req Request) (old *Session, err error) {
	addr := hostOf(req.Remote)
	r.mu.Lock()
	defer r.mu.Unlock()
	old = e.live
	total, here := r.total, r.remote[addr]
	if old != nil { // its slot is about to be free
		total--
		if hostOf(old.info.Remote) == addr {
			here--
		}
	}
	switch {
	case e.claimed, old != nil && !e.yields(old, req):
		return nil, Errorf(CodeBusy, "channel %s already has a publisher: stop it first or use another channel", e.Name)
	case total >= r.cfg.MaxSessions:
		return nil, Errorf(CodeFull, "the server has %d publishers, its limit: try later", r.total)
	case here >= r.cfg.MaxPerRemote && !req.Own: // many channels may be fetched from one server
		return nil, Errorf(CodeFull, "your address has %d publishers, its limit: stop one first", r.remote[addr])
	}
	e.claimed = true
	r.addSlot(addr, 1)
	return old, nil
}

// yields reports whether the channel's publisher gives way to this one.
func (e *entry) yields(old *Session, req Request) bool {
	silent := old.silent()
	return e.Takeover && !req.Own || silent >= quiet || silent >= hesitant && old.sameAs(req)
}

// sameAs reports whether a publisher looks like this session's encoder.
func (s *Session) sameAs(req Request) bool {
	return s.info.Protocol == req.Protocol && hostOf(s.info.Remote) == hostOf(req.Remote)
}

// occupy uses the right that claim gave. A rival took the channel from a
// publisher that still sent, so it is not that one's encoder.
func (r *Registry) occupy(e *entry, req Request, rival bool) *Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.live = newSession(r, e, req, !rival && e.last.continuedBy(req))
	e.claimed = false
	return e.live
}

// continuedBy reports whether a publisher looks like the encoder that left.
func (d departure) continuedBy(req Request) bool {
	return d.protocol == req.Protocol && d.host == hostOf(req.Remote) && time.Since(d.at) < comeback
}

// renounce gives it back.
func (r *Registry) renounce(e *entry, req Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.claimed = false
	r.addSlot(hostOf(req.Remote), -1)
}

// free gives s's slot back.
func (r *Registry) free(s *Session) {
	host := hostOf(s.info.Remote)
	r.mu.Lock()
	defer r.mu.Unlock()
	e := s.channel
	e.live = nil
	if s.isBegun() {
		e.last = departure{protocol: s.info.Protocol, host: host, at: time.Now()}
	}
	r.addSlot(host, -1)
}

// addSlot is called with the lock.
func (r *Registry) addSlot(addr string, n int) {
	r.total += n
	if r.remote[addr] += n; r.remote[addr] == 0 {
		delete(r.remote, addr)
	}
	r.cfg.Counters.change(func(c *Snapshot) { c.Live += n })
}

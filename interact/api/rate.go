package api

import (
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// pace says how often something may be done: burst times at once, then once
// every so long.
type pace struct {
	burst int
	every time.Duration
}

// The paces of what needs no producer's token, and of commands.
var (
	// commandPace is that of a channel's producers together: a rundown at once,
	// then far more than people and rehearsals give. Every command is a write to
	// the log that channels share (AP15).
	commandPace = pace{200, 50 * time.Millisecond}
	// signInPace has room for typing errors (AP6).
	signInPace = pace{10, 6 * time.Second}
	// guessPace is that of PINs and links.
	guessPace = pace{10, 6 * time.Second}
	// newcomerPace is that of new identities by address: a school behind one.
	newcomerPace = pace{200, time.Second}
	// answerPace is a participant's, as on a socket.
	answerPace = pace{8, 500 * time.Millisecond}
	// addressPace is that of answers by address: what the sockets that it may
	// have could send.
	addressPace = pace{1600, 2500 * time.Microsecond}
)

// maxDebtors is how many are told apart. A table only has to outlast a burst.
const maxDebtors = 16_384

// debts limits how often each of many does something. Its zero value has no
// debts. Safe for concurrent use.
type debts[K comparable] struct {
	mu   sync.Mutex // protects everything below
	owed map[K]time.Time
}

// allow counts one more by who, unless that is above the pace. A debt is the
// time at which there is none any more; each time adds to it.
func (d *debts[K]) allow(who K, p pace, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.owed == nil {
		d.owed = make(map[K]time.Time)
	}
	if len(d.owed) >= maxDebtors {
		d.forget(now)
	}
	debt := d.owed[who]
	if debt.Before(now) {
		debt = now
	}
	debt = debt.Add(p.every)
	if debt.Sub(now) > time.Duration(p.burst)*p.every {
		return false
	}
	d.owed[who] = debt
	return true
}

// forget drops who has no debt, and everybody if nobody is without.
func (d *debts[K]) forget(now time.Time) {
	for who, debt := range d.owed {
		if debt.Before(now) {
			delete(d.owed, who)
		}
	}
	if len(d.owed) >= maxDebtors {
		clear(d.owed)
	}
}

// remoteOf returns what r is counted under: its address, or the /64 network of
// an IPv6 one, since every household has one of those. The zero Addr stands
// for everything that is not an IP address.
func remoteOf(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := ap.Addr().Unmap().WithZone("")
	if addr.Is4() || addr.IsLoopback() {
		return addr
	}
	network, err := addr.Prefix(64)
	if err != nil {
		return addr
	}
	return network.Addr()
}

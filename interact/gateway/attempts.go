package gateway

import (
	"net/netip"
	"sync"
	"time"
)

// Limits of guessing a PIN or a link.
const (
	guessWindow = time.Minute
	// maxGuesses are wrong in a window before an address is not listened to any
	// more; maxLocalGuesses from this machine, where proxies with many viewers
	// behind them are.
	maxGuesses      = 10
	maxLocalGuesses = 300
	maxGuessers     = 65_536 // addresses
)

// attempts counts wrong PINs and links by remote address.
type attempts struct {
	mu   sync.Mutex // protects everything below
	from map[netip.Addr]guesses
}

type guesses struct {
	wrong int
	until time.Time // then they are forgotten
}

// barred says that addr has guessed wrong too often.
func (a *attempts) barred(addr netip.Addr, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	g, ok := a.from[addr]
	if !ok || !now.Before(g.until) {
		return false
	}
	if addr.IsLoopback() {
		return g.wrong >= maxLocalGuesses
	}
	return g.wrong >= maxGuesses
}

// wrong counts a wrong guess of addr.
func (a *attempts) wrong(addr netip.Addr, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	g, ok := a.from[addr]
	if !ok || !now.Before(g.until) {
		a.makeRoomLocked(now)
		g = guesses{until: now.Add(guessWindow)}
	}
	g.wrong++
	if a.from == nil {
		a.from = make(map[netip.Addr]guesses)
	}
	a.from[addr] = g
}

// makeRoomLocked forgets what is over, and some other addresses if that is not
// enough: so many at once that it is not looked for at every guess.
func (a *attempts) makeRoomLocked(now time.Time) {
	if len(a.from) < maxGuessers {
		return
	}
	for addr, g := range a.from {
		if !now.Before(g.until) {
			delete(a.from, addr)
		}
	}
	for addr := range a.from {
		if len(a.from) <= maxGuessers*15/16 {
			return
		}
		delete(a.from, addr)
	}
}

package noise

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// What is offered. Each is followed by what was said to it, such as "socket 503".
const (
	socket  = "socket"   // a connection: 101, an HTTP status, or a close code instead of a welcome
	answer  = "answer"   // over a socket: receipt, or a code of interact
	sent    = "sent"     // how a socket ended that sent too much, or what is no message: its close code
	again   = "again"    // the close code of whoever comes back after it sent too much
	request = "request"  // an answer over HTTP: its status
	command = "command"  // of a producer to its own channel: its status
	breakIn = "break-in" // with the key of one tenant to the channel of another: an HTTP status or a close code
)

// Stats is what was offered and what was said to it.
type Stats struct {
	// Offered are connections, answers, messages that are none, requests; Accepted
	// those of them that got what they wanted, Refused those that were told no.
	// The rest was still under way, or on a connection that ended.
	Offered, Accepted, Refused int64
	// Said counts replies: "socket 503", "answer busy".
	Said map[string]int64
	// Taken says what of another tenant they were given. Nothing must be.
	Taken []string
}

// String lists the replies, by name.
func (s Stats) String() string {
	var all []string
	for _, what := range slices.Sorted(maps.Keys(s.Said)) {
		all = append(all, fmt.Sprintf("%s %d", what, s.Said[what]))
	}
	return strings.Join(all, ", ")
}

// Since returns what has come since earlier.
func (s Stats) Since(earlier Stats) Stats {
	d := Stats{
		Offered: s.Offered - earlier.Offered, Accepted: s.Accepted - earlier.Accepted, Refused: s.Refused - earlier.Refused,
		Said: make(map[string]int64), Taken: s.Taken[len(earlier.Taken):],
	}
	for what, n := range s.Said {
		d.Said[what] = n - earlier.Said[what]
	}
	return d
}

// counts gathers Stats from many.
type counts struct {
	mu   sync.Mutex // protects all
	all  Stats
	said map[string]int64
}

func (c *counts) offer(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all.Offered += n
}

// say counts a reply to something offered.
func (c *counts) say(accepted bool, what string, reply any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if accepted {
		c.all.Accepted++
	} else {
		c.all.Refused++
	}
	c.noteLocked(what, reply)
}

// note counts what was said to nothing in particular.
func (c *counts) note(what string, reply any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noteLocked(what, reply)
}

func (c *counts) noteLocked(what string, reply any) {
	if c.said == nil {
		c.said = make(map[string]int64)
	}
	c.said[fmt.Sprint(what, " ", reply)]++
}

func (c *counts) taken(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.all.Taken) < 20 {
		c.all.Taken = append(c.all.Taken, fmt.Sprintf(format, args...))
	}
}

func (c *counts) stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.all
	s.Said, s.Taken = maps.Clone(c.said), slices.Clone(c.all.Taken)
	return s
}

package fallback

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// SessionHeader names the stream that a request belongs to.
const SessionHeader = "Cuelight-Session"

// sessionSize is the size of a session's id in bytes: nobody guesses one.
const sessionSize = 16

// session is one stream as requests beside it see it.
type session struct {
	key digest
	ws  *websocket.Conn

	writing sync.Mutex // held while a message is written to ws

	mu              sync.Mutex // protects everything below
	requests, clock bucket
	ping            string // payload of the ping that waits for its pong
	waiting         bool   // one does
}

// digest is what a session is kept under: how long a look-up takes says nothing
// about ids.
type digest [sha256.Size]byte

func digestOf(id string) digest { return sha256.Sum256([]byte(id)) }

// sessions are all streams. It is safe for concurrent use.
type sessions struct {
	limit int

	mu  sync.Mutex // protects everything below
	all map[digest]*session
	due int // streams that are about to be opened
}

func newSessions(limit int) sessions {
	return sessions{limit: limit, all: make(map[digest]*session)}
}

// reserve keeps a place for a stream, which open or release gives back. It
// reports false if there is none.
func (t *sessions) reserve() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.all)+t.due >= t.limit {
		return false
	}
	t.due++
	return true
}

func (t *sessions) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.due--
}

// open takes a reserved place for the stream on ws and returns it and its id.
func (t *sessions) open(ws *websocket.Conn) (*session, string) {
	raw := make([]byte, sessionSize)
	rand.Read(raw) // it never fails
	id := base64.RawURLEncoding.EncodeToString(raw)
	one := &session{key: digestOf(id), ws: ws}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.due--
	t.all[one.key] = one
	return one, id
}

// close forgets a stream.
func (t *sessions) close(one *session) {
	t.mu.Lock()
	delete(t.all, one.key)
	t.mu.Unlock()
}

// of returns the stream that a request belongs to, nil if there is none.
func (t *sessions) of(r *http.Request) *session {
	id := r.Header.Get(SessionHeader)
	if len(id) != base64.RawURLEncoding.EncodedLen(sessionSize) {
		return nil
	}
	key := digestOf(id)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all[key]
}

func (t *sessions) size() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.all)
}

// send passes a message on to the gateway, after those of other requests.
func (one *session) send(data []byte, wait time.Duration) error {
	one.writing.Lock()
	defer one.writing.Unlock()
	one.ws.SetWriteDeadline(time.Now().Add(wait))
	return one.ws.WriteMessage(websocket.TextMessage, data)
}

// pinged notes a ping of the gateway: the newest is the one to be answered.
func (one *session) pinged(payload string) {
	one.mu.Lock()
	defer one.mu.Unlock()
	one.ping, one.waiting = payload, true
}

// ponged passes the answer to a ping on, once. It reports false if no such ping
// waits.
func (one *session) ponged(nonce string, wait time.Duration) (bool, error) {
	one.mu.Lock()
	payload, ok := one.ping, one.waiting && nonce == nonceOf(one.ping)
	if ok {
		one.waiting = false
	}
	one.mu.Unlock()
	if !ok {
		return false, nil
	}
	return true, one.ws.WriteControl(websocket.PongMessage, []byte(payload), time.Now().Add(wait))
}

// nonceOf is how the payload of a ping is written in an event.
func nonceOf(payload string) string { return base64.RawURLEncoding.EncodeToString([]byte(payload)) }

// allow counts a request with messages.
func (one *session) allow(now time.Time, l Limits) bool {
	one.mu.Lock()
	defer one.mu.Unlock()
	return one.requests.take(now, l.RequestRate, l.RequestBurst)
}

// allowClock counts a clock ping.
func (one *session) allowClock(now time.Time, l Limits) bool {
	one.mu.Lock()
	defer one.mu.Unlock()
	return one.clock.take(now, l.ClockRate, l.ClockBurst)
}

// bucket is a token bucket, full at first.
type bucket struct {
	left float64
	last time.Time
}

// take says whether one more is allowed at now, and counts it if so.
func (b *bucket) take(now time.Time, rate, burst int) bool {
	if b.last.IsZero() {
		b.left = float64(burst)
	} else if gap := now.Sub(b.last).Seconds(); gap > 0 {
		b.left = min(float64(burst), b.left+gap*float64(rate))
	}
	b.last = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

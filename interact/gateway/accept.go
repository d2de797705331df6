package gateway

import (
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
)

const (
	// readBuffer holds an answer with its frame, so that one read takes it in.
	readBuffer  = 256
	writeBuffer = 512 // pooled: for the control frames of the library
	// sendBuffer bounds what the kernel keeps for a reader that stopped
	// reading. Otherwise it would grow to megabytes.
	sendBuffer = 64 << 10
	// retryWithin is how long, in seconds, whoever is refused waits at most. The
	// wait is drawn by lot, so that those refused together do not come back so.
	retryWithin = 8
)

func (g *Gateway) upgrader() websocket.Upgrader {
	return websocket.Upgrader{
		HandshakeTimeout: g.lim.HelloWait,
		ReadBufferSize:   readBuffer,
		WriteBufferSize:  writeBuffer,
		WriteBufferPool:  new(sync.Pool),
		CheckOrigin:      func(*http.Request) bool { return true }, // ServeHTTP has
	}
}

// ServeHTTP accepts a WebSocket and returns; the connection lives on.
//
// Refusals: 400 without a subprotocol of ours, 403 for a page of another origin,
// 426 for a plain request, 429 and 503 where there are too many.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	origin := originOf(r)
	codec := codecOf(r)
	switch {
	case !websocket.IsWebSocketUpgrade(r):
		w.Header().Set("Upgrade", "websocket")
		http.Error(w, "This address speaks WebSocket.", http.StatusUpgradeRequired)
		return
	case codec == nil:
		http.Error(w, "Ask for one of the WebSocket subprotocols "+strings.Join(wire.Subprotocols, ", ")+".", http.StatusBadRequest)
		return
	case origin != sameOrigin && !g.origins["*"] && !g.origins[origin]:
		g.counted.refusedOrigin.Add(1)
		http.Error(w, "Pages of this origin may not connect. Its owner can be added to the allowed origins.", http.StatusForbidden)
		return
	}
	remote, owner := remoteOf(r), g.namedBy(r)
	if status := g.admit(remote, owner); status != 0 {
		g.turnAway(w, r, status)
		return
	}
	cookie := g.cookie(r, origin)
	up := g.up
	up.Subprotocols = []string{codec.Subprotocol()}
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		g.dismiss(remote, owner)
		g.cfg.Log.Debug("handshake ended", "remote", r.RemoteAddr, "err", err)
		return
	}
	g.open(ws, codec, remote, owner, cookie)
}

// turnAway refuses a handshake for now.
func (g *Gateway) turnAway(w http.ResponseWriter, r *http.Request, status int) {
	w.Header().Set("Retry-After", strconv.Itoa(1+rand.IntN(retryWithin)))
	if status == http.StatusServiceUnavailable && g.cfg.Try != nil {
		g.hint(w, r.URL.Query().Get("channel"))
	}
	http.Error(w, "Too many connections. Try again shortly.", status)
}

// dismiss takes back what admit counted.
func (g *Gateway) dismiss(remote netip.Addr, owner *tenant) {
	g.remotes.release(remote)
	if owner != nil {
		owner.release()
	}
}

// codecOf returns the codec of the client's first subprotocol that is ours, nil
// if none is.
func codecOf(r *http.Request) wire.Codec {
	for _, name := range websocket.Subprotocols(r) {
		if codec, ok := wire.CodecOf(name); ok {
			return codec
		}
	}
	return nil
}

// admit counts a socket from remote, and of owner unless that is nil, or returns
// the HTTP status with which to refuse it. Nothing that costs anything comes
// before (GW15). The owner's quota is asked first: what is above it takes nothing
// from others (GW43).
func (g *Gateway) admit(remote netip.Addr, owner *tenant) int {
	g.mu.Lock()
	stopping := g.stopping
	g.mu.Unlock()
	if stopping || owner != nil && !owner.take(g.moment(time.Now())) {
		return http.StatusServiceUnavailable
	}
	status := g.admitAny(remote)
	if status != 0 && owner != nil {
		owner.release()
	}
	return status
}

func (g *Gateway) admitAny(remote netip.Addr) int {
	switch {
	case g.load.joining.Load() >= int64(g.lim.Joining):
		g.load.crowded.Add(1)
		return http.StatusServiceUnavailable
	case !g.load.handshakes.take(g.moment(time.Now()), g.lim):
		g.load.rushed.Add(1)
		return http.StatusServiceUnavailable
	}
	status := g.remotes.admit(remote, g.lim)
	switch status {
	case http.StatusServiceUnavailable:
		g.counted.refusedFull.Add(1)
	case http.StatusTooManyRequests:
		g.counted.refusedAddress.Add(1)
	}
	return status
}

// cookie returns the claims a producer signed in with. Pages of other origins
// cannot use them, even where they may connect.
func (g *Gateway) cookie(r *http.Request, origin string) *token.Claims {
	if g.cfg.SignedIn == nil || origin != sameOrigin {
		return nil
	}
	if claims, ok := g.cfg.SignedIn(r); ok {
		return &claims
	}
	return nil
}

// open starts a connection, unless the gateway stops.
func (g *Gateway) open(ws *websocket.Conn, codec wire.Codec, remote netip.Addr, owner *tenant, cookie *token.Claims) {
	if tcp, ok := ws.NetConn().(*net.TCPConn); ok {
		// Best effort: both only save memory and packets.
		_ = tcp.SetWriteBuffer(sendBuffer)
		_ = tcp.SetKeepAlive(false) // our pings tell more
	}
	c := newConn(g, ws, codec, remote, cookie)
	c.tenant, c.held = owner, owner != nil
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopping {
		ws.Close()
		g.dismiss(remote, owner)
		return
	}
	g.counted.accepted.Add(1)
	g.load.joining.Add(1)
	g.conns[c] = struct{}{}
	g.work.Go(c.serve)
}

func (g *Gateway) forget(c *conn) {
	g.mu.Lock()
	delete(g.conns, c)
	g.mu.Unlock()
	g.remotes.release(c.remote)
}

// sameOrigin is what originOf returns for pages of this host and for programs
// that are no browser.
const sameOrigin = "same"

// originOf returns the origin of the page that asks, in lower case.
// Spec: RFC 6455 §10.2.
func originOf(r *http.Request) string {
	origin := strings.ToLower(r.Header.Get("Origin"))
	if origin == "" {
		return sameOrigin
	}
	if u, err := url.Parse(origin); err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host) {
		return sameOrigin
	}
	return origin
}

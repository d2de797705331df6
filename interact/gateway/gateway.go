package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/sync/clock"
)

// drainWait is how long a stop waits for receipts that are on their way.
const drainWait = time.Second

// Room is a channel's engine as the gateway needs it. Safe for concurrent use.
type Room interface {
	// Join returns what a participant must know: title, timeline, cues, tallies
	// and its own receipts. The gateway fills in the rest.
	// Errors: *interact.Error.
	Join(ctx context.Context, participant, role string) (wire.Welcome, error)
	// AnswerTo judges and stores a. It tells to exactly once, from any goroutine:
	// the receipt once the answer is durable, or an error.
	AnswerTo(a interact.Answer, to interact.Settler)
	// Opened notes a viewer's report. It does not block.
	Opened(o interact.Opening)
	// Closed notes the report that its window closed. It does not block.
	Closed(c interact.Closing)
	// Left notes that a viewing participant has no socket here any more. It does
	// not block and calls nothing of the gateway.
	Left(participant string)
}

// Tokens makes and checks tokens; *token.Keys does.
type Tokens interface {
	Mint(c token.Claims, now time.Time) (string, error)
	Verify(tok string, now time.Time) (token.Claims, error)
}

// Config says what a gateway serves. Rooms, Clock and Tokens are needed.
type Config struct {
	// Rooms returns the room of a channel.
	Rooms  func(channel string) (Room, bool)
	Clock  *clock.Room
	Tokens Tokens
	// GraceKey signs what viewers are told of their lines, 32 bytes. Without one
	// it is random, and a restart forgets what was measured.
	GraceKey []byte
	// Desk says who a viewer is. Nil means that everybody is admitted by an
	// anonymous token of this server's.
	Desk Desk
	// SignedIn returns the claims of a request's cookie. Nil means that
	// producers come with a token.
	SignedIn func(*http.Request) (token.Claims, bool)
	// Origins are the origins of pages, besides those of the same host, that
	// may open a socket: "https://example.com", or "*" for any. A producer's
	// cookie counts only from the same host, whatever stands here.
	Origins []string
	Limits  Limits
	// Log receives connections at Debug and our own mistakes above. Nil discards.
	Log *slog.Logger
}

// Validate reports everything that is wrong with c.
func (c Config) Validate() error {
	var errs []error
	if c.Rooms == nil || c.Clock == nil || c.Tokens == nil {
		errs = append(errs, errors.New("rooms, clock, tokens: all three are needed"))
	}
	if n := len(c.GraceKey); n > 0 && n < graceKeySize {
		errs = append(errs, fmt.Errorf("grace key: %d bytes are less than %d", n, graceKeySize))
	}
	for _, origin := range c.Origins {
		u, err := url.Parse(origin)
		if origin != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Path != "") {
			errs = append(errs, fmt.Errorf("origins: %q is neither * nor like https://example.com", origin))
		}
	}
	return errors.Join(errs...)
}

// Gateway serves the sockets of all channels. It is an http.Handler for
// /ws/v1 and a lifecycle service.
type Gateway struct {
	cfg     Config
	lim     Limits
	origins map[string]bool
	up      websocket.Upgrader
	counted counters
	remotes addresses
	guesses attempts
	wheel   wheel
	posts   *fanout
	graces  graces
	desk    Desk
	scratch []*conn // belongs to spread
	began   time.Time
	load    load

	mu       sync.Mutex // protects everything down to conns
	stopping bool
	halls    map[string]*hall
	conns    map[*conn]struct{}

	work     sync.WaitGroup // goroutines of connections
	draining atomic.Bool    // no new answers
	inflight atomic.Int64   // answers without a receipt yet
	settled  chan struct{}  // holds one: inflight reached zero while draining
	nextID   atomic.Uint64
	lastLog  atomic.Int64 // unix seconds of the last complaint about a room
}

// New returns a gateway that accepts sockets at once; broadcasts reach them
// while Run runs.
//
// Errors: those of Config.Validate.
func New(cfg Config) (*Gateway, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	g := &Gateway{
		cfg:     cfg,
		lim:     cfg.Limits.withDefaults(),
		origins: make(map[string]bool),
		remotes: addresses{from: make(map[netip.Addr]int)},
		counted: counters{closed: make(map[wire.CloseCode]uint64)},
		posts:   newFanout(),
		graces:  newGraces(cfg.GraceKey),
		halls:   make(map[string]*hall),
		conns:   make(map[*conn]struct{}),
		settled: make(chan struct{}, 1),
	}
	for _, origin := range cfg.Origins {
		g.origins[strings.ToLower(origin)] = true
	}
	if g.desk = cfg.Desk; g.desk == nil {
		g.desk = anonymous{cfg.Tokens, cfg.Log}
	}
	g.up = g.upgrader()
	g.newLoad()
	return g, nil
}

// Run spreads broadcasts, tells producers who is there, and pings. When ctx
// ends it waits a moment for receipts under way, sends Bye to all and returns
// once every socket is closed.
func (g *Gateway) Run(ctx context.Context) error {
	var own sync.WaitGroup
	own.Go(func() { g.posts.run(ctx, g.spread) })
	own.Go(func() { g.beat(ctx) })
	<-ctx.Done()
	own.Wait()
	g.drain()
	g.work.Wait()
	return nil
}

// Broadcast sends m to the channel's viewers, producers or both. It never
// blocks. Where several messages about the same cue, tally or gauge wait, only
// the newest is sent. The caller does not change m any more.
func (g *Gateway) Broadcast(channel string, to wire.Audience, m wire.Message) {
	about, _ := subjectOf(m)
	if !g.posts.add(postKey{channel, to, about}, m) {
		g.counted.shed.Add(1)
		g.complain("too many broadcasts wait", channel, nil)
	}
}

// Viewers returns how many viewers' sockets the channel has.
func (g *Gateway) Viewers(channel string) int {
	if h := g.hallOf(channel); h != nil {
		return h.audience()
	}
	return 0
}

// Stuck returns how many of the channel's viewers cannot hold the target latency.
func (g *Gateway) Stuck(channel string) int {
	if h := g.hallOf(channel); h != nil {
		return h.stuck()
	}
	return 0
}

// beat turns the wheel of pings and tells producers who is there.
func (g *Gateway) beat(ctx context.Context) {
	turn, tell := time.NewTicker(wheelTick), time.NewTicker(presenceEvery)
	defer turn.Stop()
	defer tell.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-turn.C:
			g.tick(now)
		case now := <-tell.C:
			for _, h := range g.everyHall() {
				if m, ok := h.presence(now); ok {
					g.Broadcast(h.name, wire.Producers, m)
				}
				if h.rosterDue(now) {
					g.Broadcast(h.name, wire.Producers, g.Roster(h.name, wire.MaxRoster))
				}
			}
		}
	}
}

// drain lets receipts under way out, then closes every socket. Answers that
// come meanwhile get no reply, so that viewers send them again after they have
// reconnected.
func (g *Gateway) drain() {
	g.mu.Lock()
	g.stopping = true
	g.mu.Unlock()
	g.draining.Store(true)
	if g.inflight.Load() > 0 {
		select {
		case <-g.settled:
		case <-time.After(drainWait):
		}
	}
	for i, c := range g.everyConn() {
		c.endWithin(ending{code: wire.CloseRestart}, comeBack(i))
	}
}

func (g *Gateway) everyConn() []*conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]*conn, 0, len(g.conns))
	for c := range g.conns {
		all = append(all, c)
	}
	return all
}

func (g *Gateway) everyHall() []*hall {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]*hall, 0, len(g.halls))
	for _, h := range g.halls {
		all = append(all, h)
	}
	return all
}

// hallOf returns nil if nobody ever joined the channel.
func (g *Gateway) hallOf(channel string) *hall {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.halls[channel]
}

// openHall is for channels that have a room, so there are only that many.
func (g *Gateway) openHall(channel string) *hall {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.halls[channel] == nil {
		g.halls[channel] = newHall(channel)
	}
	return g.halls[channel]
}

// complain logs at most once a second: what goes wrong for one viewer goes
// wrong for thousands.
func (g *Gateway) complain(msg, channel string, err error) {
	now := time.Now().Unix()
	if last := g.lastLog.Load(); last != now && g.lastLog.CompareAndSwap(last, now) {
		g.cfg.Log.Error(msg, "channel", channel, "err", err)
	}
}

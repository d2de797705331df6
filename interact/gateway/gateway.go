package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
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
	// SharedLog says that the channels' logs are those of a bus that tells other
	// nodes the same: viewers hear what Relay brings, and what Broadcast has for
	// them is refused.
	SharedLog bool
	// Elsewhere returns who watches a channel on other nodes. Nil: there are none.
	Elsewhere func(channel string) wire.Presence
	// WholeRoster draws the sample of a channel's viewers that producers here are
	// sent, of n at most, from all nodes. One call at a time; it may wait for the
	// others, until ctx ends. Nil: Roster, there are no others.
	WholeRoster func(ctx context.Context, channel string, n int) *wire.Roster
	// Try returns the public address of another node, such as
	// "https://node2.example.com", for whoever does not find room here or has to
	// leave; "" if none is known. The channel is "" for a socket that has not said
	// it yet. It is called for each of them and does not block. Nil knows none.
	Try func(channel string) string
	// Tenant names whose a channel is, Tenants what they may take. Channels of a
	// name that is not there are all one tenant's, which has the limits of "". Tenant
	// does not block. Nil: all channels are one tenant's.
	Tenant  func(channel string) string
	Tenants map[string]TenantLimits
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
	if len(c.Tenants) > 0 && c.Tenant == nil {
		errs = append(errs, errors.New("tenants: tenant is needed to say whose a channel is"))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Tenants)) {
		if l := c.Tenants[name]; min(l.Connections, l.Handshakes, l.Joins, l.Answers) < 0 {
			errs = append(errs, fmt.Errorf("tenants.%s: no limit is below 0, which is none", name))
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
	began   time.Time
	load    load
	tenants map[string]*tenant
	common  *tenant   // of all channels that are no other's
	lanes   []*tenant // all of them

	mu       sync.Mutex // protects everything down to conns
	stopping bool
	halls    map[string]*hall
	conns    map[*conn]struct{}

	work     sync.WaitGroup // goroutines of connections
	draining atomic.Bool    // no new answers
	inflight atomic.Int64   // answers without a receipt yet
	leaving  atomic.Bool    // not ready for more
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
	g.openTenants()
	g.posts = newFanout(len(g.lanes))
	g.newLoad()
	return g, nil
}

// Run spreads broadcasts, tells producers who is there, and pings. When ctx
// ends it goes on for Limits.Notice, waits a moment for receipts under way, sends
// Bye to all and returns once every socket is closed.
func (g *Gateway) Run(ctx context.Context) error {
	going, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var own sync.WaitGroup
	own.Go(func() { g.fanOut(going) })
	own.Go(func() { g.beat(going) })
	own.Go(func() { g.tellRosters(going) })
	g.notice(ctx)
	stop()
	own.Wait()
	g.drain()
	g.work.Wait()
	return nil
}

// Broadcast sends m to the channel's viewers, producers or both. It never
// blocks. Where several messages about the same cue, tally or gauge wait, only
// the newest is sent. The caller does not change m any more. With a shared log
// viewers are told by Relay alone.
func (g *Gateway) Broadcast(channel string, to wire.Audience, m wire.Message) {
	if g.cfg.SharedLog && to&wire.Viewers != 0 {
		g.counted.misdirected.Add(1)
		g.complain("broadcast to viewers past the shared log", channel, nil)
		if to &^= wire.Viewers; to == 0 {
			return
		}
	}
	about, _ := subjectOf(m)
	if !g.posts.add(g.tenantOf(channel).lane, postKey{channel, to, about}, m) {
		g.counted.shed.Add(1)
		g.complain("too many broadcasts wait", channel, nil)
	}
}

// Viewers returns how many viewers' sockets the channel has here.
func (g *Gateway) Viewers(channel string) int {
	if h := g.hallOf(channel); h != nil {
		return h.audience()
	}
	return 0
}

// Stuck returns how many of the channel's viewers here cannot hold the target
// latency.
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
				if m, ok := h.presence(now, g.cfg.Elsewhere); ok {
					g.Broadcast(h.name, wire.Producers, m)
				}
			}
		}
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
	t := g.tenantOf(channel)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.halls[channel] == nil {
		g.halls[channel] = newHall(channel, t, g.cfg.SharedLog)
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

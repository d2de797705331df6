package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/packager/origin"
)

const twoDoors = `
tenants: {red: {}, blue: {}}
channels:
  show: {protected: true, open: true, tenant: red}
  other: {protected: true, open: true, tenant: blue}
`

var belowPath = regexp.MustCompile(`(?m)^([0-9a-f]{40}/video\.m3u8)$`)

const indexPath = "/hls/show/index.m3u8"

// stranger is somebody who may not play the channel show.
type stranger struct {
	name, query, authorization string
	status                     int
}

func (s stranger) ask(r *resident) reply {
	r.t.Helper()
	if s.authorization != "" {
		return r.get(indexPath+s.query, "Authorization", s.authorization)
	}
	return r.get(indexPath + s.query)
}

// strangers come with what lets nobody in.
func strangers(t *testing.T, home *resident) []stranger {
	t.Helper()
	other, err := token.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	mint := func(keys *token.Keys, c token.Claims) string {
		c.Role, c.Expires = token.RoleViewer, now.Add(time.Hour)
		tok, err := keys.Mint(c, now)
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	anonymous := token.Claims{Subject: token.NewParticipant(), Channels: []string{"show"}, Grade: wire.GradeDevice}
	blue, err := home.settings.tokenChannels(nil, "blue")
	if err != nil {
		t.Fatal(err)
	}
	return []stranger{
		{"A2 none", "", "", 401},
		{"A2 nonsense", "?token=x", "", 401},
		{"A2 expired", "?token=" + home.mint(token.RoleViewer, -time.Minute, "show"), "", 401},
		{"A2 of another server", "?token=" + mint(other, token.Claims{Subject: "x"}), "", 401},
		{"A2 another channel's", "?token=" + home.mint(token.RoleViewer, time.Hour, "other"), "", 403},
		{"A2 another tenant's", "", "Bearer " + home.mint(token.RoleProducer, time.Hour, blue...), 403},
		{"A2 of somebody who was let in without a name", "?token=" + mint(home.tokens, anonymous), "", 401},
		{"A2 a pass that no node made", "?token=" + passPrefix + strings.Repeat("A", 43), "", 401},
	}
}

// denied is how many a node has turned away.
func (r *resident) denied() int64 { return r.cluster.media.(*origin.Origin).Stats().Denied }

// TestProtectedElsewhere has viewers of a protected channel on a node that is
// not its home: it lets in and turns away as the home does, without asking it.
func TestProtectedElsewhere(t *testing.T) {
	v := newVillage(t)
	home := v.settle("home", "engine, studio, ingest, origin", twoDoors)
	far := v.settle("far", "gateway, origin", twoDoors)
	home.push("show")
	good := home.mint(token.RoleViewer, time.Hour, "show")
	home.got(indexPath + "?token=" + good)
	first := far.got(indexPath + "?token=" + good)

	bad := strangers(t, home)
	told := make([]reply, len(bad))
	for i, who := range bad {
		told[i] = turnedAway(t, who, home, far)
	}
	shareOne(t, home, far)
	belowThePath(t, home, far, belowPath.FindString(first.body))

	const none = "/vod/show/20200101T000000Z/index.m3u8"
	if a, b := far.get(none), far.get(none, "Authorization", "Bearer "+home.mint(token.RoleProducer, time.Hour)); a.status != 401 || b.status != 404 {
		t.Errorf("VD5 a protected channel's recording: %d without a token, %d for a producer", a.status, b.status)
	}
	home.stop()
	for i, who := range bad {
		if there := who.ask(far); there.status != who.status || there.body != told[i].body {
			t.Errorf("%s, while the home is away: %d %s", who.name, there.status, there.body)
		}
	}
}

// turnedAway holds what a stranger is told against what the home says.
func turnedAway(t *testing.T, who stranger, home, far *resident) reply {
	t.Helper()
	atHome, atFar := home.denied(), far.denied()
	told, there := who.ask(home), who.ask(far)
	if there.status != who.status || told.status != who.status || there.body != told.body {
		t.Errorf("%s: %d %s; at home %d %s; want %d", who.name, there.status, there.body, told.status, told.body, who.status)
	}
	for _, name := range []string{"Www-Authenticate", "Cache-Control", "Access-Control-Allow-Origin", "Content-Type"} {
		if there.header.Get(name) != told.header.Get(name) {
			t.Errorf("%s: %s is %q, at home %q", who.name, name, there.header.Get(name), told.header.Get(name))
		}
	}
	if home.denied() != atHome+1 || far.denied() != atFar+1 {
		t.Errorf("%s: counted %d at home and %d here, want one each", who.name, home.denied()-atHome, far.denied()-atFar)
	}
	return told
}

// shareOne has viewers who may play share one answer of the home.
func shareOne(t *testing.T, home, far *resident) {
	t.Helper()
	before := far.cluster.edge.Stats()
	for range 20 {
		a := far.get(indexPath, "Authorization", "Bearer "+home.mint(token.RoleViewer, time.Hour, "show"))
		if a.status != 200 || a.header.Get("Cache-Control") != "private, no-store" {
			t.Fatalf("ED8 A4 %d %v", a.status, a.header)
		}
	}
	if after := far.cluster.edge.Stats(); after.Passed != 0 || after.Hits == before.Hits {
		t.Errorf("ED8 viewers' own requests reach the home: %+v, then %+v", before, after)
	}
}

// belowThePath loads what the playlist names, and guesses.
func belowThePath(t *testing.T, home, far *resident, below string) {
	t.Helper()
	if a := far.get("/hls/show/" + below); below == "" || a.status != 200 || !strings.Contains(a.body, "#EXT-X-TARGETDURATION") {
		t.Errorf("A3 %q: %d %s", below, a.status, a.body)
	}
	before, atHome := far.cluster.edge.Stats(), home.denied()
	for _, path := range []string{"video.m3u8", strings.Repeat("0", 40) + "/video.m3u8"} {
		if here, there := far.get("/hls/show/"+path), home.get("/hls/show/"+path); here.status != 404 || here.body != there.body {
			t.Errorf("A5 %s: %d %s, at home %s", path, here.status, here.body, there.body)
		}
	}
	if after := far.cluster.edge.Stats(); after.Asked != before.Asked || home.denied() != atHome+2 {
		t.Errorf("A5 the home was asked: %+v, then %+v", before, after)
	}
}

// TestPass: what nodes show each other is good for one channel and some minutes.
func TestPass(t *testing.T) {
	p, other := peersOf(t, "a"), peersOf(t, "b")
	now := time.Date(2027, 1, 15, 20, 0, 1, 0, time.UTC)
	tok := p.pass("show", now)
	for _, tc := range []struct {
		name string
		by   peers
		tok  string
		to   string
		at   time.Time
		good bool
	}{
		{"now", p, tok, "show", now, true},
		{"a clock that is behind", p, tok, "show", now.Add(-4 * time.Minute), true},
		{"a clock that is ahead", p, tok, "show", now.Add(4 * time.Minute), true},
		{"later", p, tok, "show", now.Add(11 * time.Minute), false},
		{"another channel", p, tok, "other", now, false},
		{"another secret", other, tok, "show", now, false},
		{"without its end", p, tok[:len(tok)-1], "show", now, false},
		{"nothing", p, "", "show", now, false},
		{"the prefix alone", p, passPrefix, "show", now, false},
	} {
		if got := tc.by.knowPass(tc.tok, tc.to, tc.at); got != tc.good {
			t.Errorf("ED8 %s: %v", tc.name, got)
		}
	}
	r, err := http.NewRequest(passUse, "http://node/show", nil)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(tok, p.proof(r)) {
		t.Error("ED8 a pass is a proof of a request")
	}
}

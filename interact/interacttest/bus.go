package interacttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// patience is how long something may take that is on its way.
const patience = 20 * time.Second

// TestBus checks the rules BU1… of interact/SPEC.md. Open returns an empty bus
// that only this test uses.
func TestBus(t *testing.T, open func(t *testing.T) interact.Bus) {
	for _, rule := range []struct {
		name string
		test func(t *testing.T, b interact.Bus)
	}{
		{"BU1 posts are numbered, viewers' have offsets", testNumbers},
		{"BU1 the numbering has a name from the first look", testEpoch},
		{"BU1 many posters, one order", testPosters},
		{"BU2 a call is posted whole or not at all", testWholePost},
		{"BU2 takes the largest", testLargestPost},
		{"BU3 what may be posted once is posted once", testOnce},
		{"BU3 whoever posts it", testOnceTogether},
		{"BU4 a lower fence is refused", testBusFence},
		{"BU4 without a fence", testNoFence},
		{"BU5 a snapshot has the place it is true at", testSnapshot},
		{"BU6 recent posts", testRecent},
		{"BU6 keeps the last 2048", testKeeps},
		{"BU7 a follower hears all that comes after its place", testFollow},
		{"BU7 while it is posted", testFollowWhile},
		{"BU7 ends with its context", testFollowEnds},
		{"BU8 a place that is gone is lost", testLost},
		{"BU9 whispers", testWhisper},
		{"BU9 a whisper that nobody would take", testBadWhisper},
		{"BU10 channels are strangers", testBusChannels},
		{"BU11 data are the caller's again", testBusOwnership},
		{"BU12 an ended context posts and reads nothing", testBusContext},
	} {
		t.Run(rule.name, func(t *testing.T) { rule.test(t, open(t)) })
	}
}

func toViewers(data string) interact.Post {
	return interact.Post{Reach: interact.ReachViewers, Data: []byte(data)}
}

func postAll(t *testing.T, b interact.Bus, posts ...interact.Post) {
	t.Helper()
	if err := b.Post(t.Context(), "show", 1, posts, nil); err != nil {
		t.Fatal(err)
	}
}

func recent(t *testing.T, b interact.Bus, after uint64) []interact.Post {
	t.Helper()
	posts, err := b.Recent(t.Context(), "show", after)
	if err != nil {
		t.Fatal(err)
	}
	return posts
}

func snapshotOf(t *testing.T, b interact.Bus, channel string) interact.Snapshot {
	t.Helper()
	s, err := b.Snapshot(t.Context(), channel)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func wantPosts(t *testing.T, got []interact.Post, want ...string) {
	t.Helper()
	var texts []string
	for _, p := range got {
		texts = append(texts, string(p.Data))
	}
	if !slices.Equal(texts, want) {
		t.Errorf("posts are %q, want %q", texts, want)
	}
}

func testNumbers(t *testing.T, b interact.Bus) {
	postAll(t, b)
	postAll(t, b, toViewers("a"), interact.Post{Reach: interact.ReachProducers, Data: []byte("b")}, toViewers("c"))
	postAll(t, b, interact.Post{Reach: interact.ReachNodes, Once: "x:1", Data: []byte("\x00\n\xff")},
		interact.Post{N: 99, Offset: 77, Reach: interact.ReachViewers, Data: []byte("e")})
	want := []interact.Post{
		{N: 1, Offset: 1, Reach: interact.ReachViewers}, {N: 2, Reach: interact.ReachProducers},
		{N: 3, Offset: 2, Reach: interact.ReachViewers}, {N: 4, Reach: interact.ReachNodes, Once: "x:1"},
		{N: 5, Offset: 3, Reach: interact.ReachViewers},
	}
	got := recent(t, b, 0)
	wantPosts(t, got, "a", "b", "c", "\x00\n\xff", "e")
	for i, p := range got {
		if p.N != want[i].N || p.Offset != want[i].Offset || p.Reach != want[i].Reach || p.Once != want[i].Once {
			t.Errorf("post %d is %+v, want %+v", i, p, want[i])
		}
	}
}

func testEpoch(t *testing.T, b interact.Bus) {
	first := snapshotOf(t, b, "show")
	if first.Epoch == "" || first.N != 0 || first.Offset != 0 || len(first.Data) != 0 {
		t.Errorf("before anything: %+v", first)
	}
	postAll(t, b, toViewers("a"))
	if err := b.Post(t.Context(), "show", 1, nil, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if s := snapshotOf(t, b, "show"); s.Epoch != first.Epoch {
		t.Errorf("epoch %q became %q", first.Epoch, s.Epoch)
	}
	if s := snapshotOf(t, b, "other"); s.Epoch == first.Epoch || s.Epoch == "" {
		t.Errorf("epoch %q of another channel", s.Epoch)
	}
}

func testPosters(t *testing.T, b interact.Bus) {
	const posters, each = 4, 25
	var wg sync.WaitGroup
	for who := range posters {
		wg.Go(func() {
			for i := range each {
				if err := b.Post(t.Context(), "show", 1, []interact.Post{toViewers(fmt.Sprint(who, " ", i)), toViewers("and")}, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	next := make([]int, posters)
	got := recent(t, b, 0)
	if len(got) != 2*posters*each {
		t.Fatalf("%d posts", len(got))
	}
	for i, p := range got {
		if p.N != uint64(i+1) || p.Offset != uint64(i+1) {
			t.Fatalf("post %d has number %d and offset %d", i, p.N, p.Offset)
		}
		if i%2 == 1 {
			if string(p.Data) != "and" {
				t.Errorf("something came between two posts of one call: %q", p.Data)
			}
			continue
		}
		var who, n int
		if _, err := fmt.Sscan(string(p.Data), &who, &n); err != nil || next[who] != n {
			t.Errorf("poster %d's post %d came in the place of %d (%v)", who, n, next[who], err)
		}
		next[who]++
	}
}

func testWholePost(t *testing.T, b interact.Bus) {
	postAll(t, b, toViewers("before"))
	good := toViewers("good")
	for name, bad := range map[string]struct {
		channel  string
		post     interact.Post
		snapshot []byte
	}{
		"no channel":        {"", good, nil},
		"no reach":          {"show", interact.Post{Data: []byte("x")}, nil},
		"unknown reach":     {"show", interact.Post{Reach: 4, Data: []byte("x")}, nil},
		"no data":           {"show", toViewers(""), nil},
		"too much data":     {"show", toViewers(strings.Repeat("x", interact.MaxPost+1)), nil},
		"a name with space": {"show", interact.Post{Reach: 1, Once: "a b", Data: []byte("x")}, nil},
		"a long name":       {"show", interact.Post{Reach: 1, Once: strings.Repeat("x", 201), Data: []byte("x")}, nil},
		"a large snapshot":  {"show", good, make([]byte, interact.MaxSnapshot+1)},
	} {
		err := b.Post(t.Context(), bad.channel, 1, []interact.Post{good, bad.post}, bad.snapshot)
		if interact.CodeOf(err) != interact.CodeInvalid {
			t.Errorf("%s: err = %v, want invalid", name, err)
		}
	}
	if err := b.Post(t.Context(), "show", 1, slices.Repeat([]interact.Post{good}, 1025), nil); interact.CodeOf(err) != interact.CodeInvalid {
		t.Errorf("1025 posts at once: %v", err)
	}
	wantPosts(t, recent(t, b, 0), "before")
	if s := snapshotOf(t, b, "show"); len(s.Data) != 0 || s.N != 0 {
		t.Errorf("snapshot %+.60v", s)
	}
}

func testLargestPost(t *testing.T, b interact.Bus) {
	data, snapshot := make([]byte, interact.MaxPost), make([]byte, interact.MaxSnapshot)
	for i := range snapshot {
		snapshot[i] = byte(i * 7 % 251)
		data[i%len(data)] = byte(i % 253)
	}
	posts := slices.Repeat([]interact.Post{toViewers(string(data))}, 4)
	if err := b.Post(t.Context(), "show", 1, posts, snapshot); err != nil {
		t.Fatal(err)
	}
	wantPosts(t, recent(t, b, 0), string(data), string(data), string(data), string(data))
	if s := snapshotOf(t, b, "show"); string(s.Data) != string(snapshot) || s.N != 4 {
		t.Errorf("snapshot of %d bytes at %d came back changed", len(s.Data), s.N)
	}
}

func once(name, data string) interact.Post {
	return interact.Post{Reach: interact.ReachViewers, Once: name, Data: []byte(data)}
}

func testOnce(t *testing.T, b interact.Bus) {
	postAll(t, b, once("key:c1:1", "a"), once("key:c1:1", "again"), toViewers("b"))
	postAll(t, b, once("key:c1:1", "again"), once("key:c1:2", "c"))
	if err := b.Post(t.Context(), "show", 1, []interact.Post{once("key:c1:2", "again")}, []byte("now")); err != nil {
		t.Fatal(err)
	}
	got := recent(t, b, 0)
	wantPosts(t, got, "a", "b", "c")
	if n := len(got); n == 3 && (got[2].N != 3 || got[2].Offset != 3) {
		t.Errorf("the third one is %+v", got[2])
	}
	if s := snapshotOf(t, b, "show"); s.N != 3 || string(s.Data) != "now" {
		t.Errorf("the snapshot of a call whose posts were left out: %+v", s)
	}
}

func testOnceTogether(t *testing.T, b interact.Bus) {
	var wg sync.WaitGroup
	for who := range 8 {
		wg.Go(func() {
			for i := range 20 {
				if err := b.Post(t.Context(), "show", 0, []interact.Post{once(fmt.Sprint("key:", i), fmt.Sprint(who))}, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	seen := make(map[string]bool)
	for _, p := range recent(t, b, 0) {
		if seen[p.Once] {
			t.Errorf("%s is there twice", p.Once)
		}
		seen[p.Once] = true
	}
	if len(seen) != 20 {
		t.Errorf("%d names of 20", len(seen))
	}
}

func testBusFence(t *testing.T, b interact.Bus) {
	const high = 1<<52 + 1 // larger than what a float holds with a bit to spare
	post := func(fence interact.Fence, data string) error {
		return b.Post(t.Context(), "show", fence, []interact.Post{toViewers(data)}, []byte(data))
	}
	for i, step := range []struct {
		fence  interact.Fence
		fenced bool
	}{{7, false}, {7, false}, {6, true}, {high, false}, {high - 1, true}, {7, true}, {high, false}} {
		err := post(step.fence, fmt.Sprint(i))
		if errors.Is(err, interact.ErrFenced) != step.fenced || !step.fenced && err != nil {
			t.Errorf("step %d with fence %d: %v", i, step.fence, err)
		}
	}
	wantPosts(t, recent(t, b, 0), "0", "1", "3", "6")
	if s := snapshotOf(t, b, "show"); string(s.Data) != "6" {
		t.Errorf("snapshot is that of %q", s.Data)
	}
	if err := b.Post(t.Context(), "other", 1, []interact.Post{toViewers("x")}, nil); err != nil {
		t.Errorf("a fence of another channel: %v", err)
	}
}

func testNoFence(t *testing.T, b interact.Bus) {
	postAll(t, b, toViewers("a"))
	if err := b.Post(t.Context(), "show", 0, []interact.Post{once("x", "b")}, nil); err != nil {
		t.Errorf("a post with a name: %v", err)
	}
	if err := b.Post(t.Context(), "show", 0, []interact.Post{once("y", "no"), toViewers("no")}, nil); interact.CodeOf(err) != interact.CodeInvalid {
		t.Errorf("a post without a name: %v", err)
	}
	if err := b.Post(t.Context(), "show", 0, []interact.Post{once("z", "no")}, []byte("{}")); interact.CodeOf(err) != interact.CodeInvalid {
		t.Errorf("a snapshot: %v", err)
	}
	wantPosts(t, recent(t, b, 0), "a", "b")
}

func testSnapshot(t *testing.T, b interact.Bus) {
	first := []interact.Post{toViewers("a"), {Reach: interact.ReachNodes, Data: []byte("b")}}
	if err := b.Post(t.Context(), "show", 1, first, []byte("after b")); err != nil {
		t.Fatal(err)
	}
	postAll(t, b, toViewers("c"))
	s := snapshotOf(t, b, "show")
	if s.N != 2 || s.Offset != 1 || string(s.Data) != "after b" {
		t.Errorf("snapshot %+v", s)
	}
	heard := follow(t, b, "show", s.Place)
	heard.want(t, "c")
	if err := b.Post(t.Context(), "show", 1, []interact.Post{toViewers("d")}, []byte{}); err != nil {
		t.Fatal(err)
	}
	if s := snapshotOf(t, b, "show"); s.N != 4 || s.Offset != 3 || len(s.Data) != 0 {
		t.Errorf("an empty snapshot: %+v", s)
	}
}

func testRecent(t *testing.T, b interact.Bus) {
	wantPosts(t, recent(t, b, 0))
	wantPosts(t, recent(t, b, 5))
	postAll(t, b, toViewers("a"), toViewers("b"), toViewers("c"))
	wantPosts(t, recent(t, b, 1), "b", "c")
	wantPosts(t, recent(t, b, 3))
	wantPosts(t, recent(t, b, 1<<60))
}

func testKeeps(t *testing.T, b interact.Bus) {
	const all = 3000
	for i := 0; i < all; i += 500 {
		var posts []interact.Post
		for k := range 500 {
			posts = append(posts, toViewers(fmt.Sprint(i+k)))
		}
		postAll(t, b, posts...)
	}
	got := recent(t, b, 0)
	if len(got) < 2048 || got[len(got)-1].N != all {
		t.Fatalf("%d posts are kept, the last one is %d", len(got), got[len(got)-1].N)
	}
	for i, p := range got {
		if want := all - len(got) + i; p.N != uint64(want+1) || string(p.Data) != fmt.Sprint(want) {
			t.Fatalf("post %d is number %d, %q", i, p.N, p.Data)
		}
	}
}

func testLost(t *testing.T, b interact.Bus) {
	postAll(t, b, toViewers("a"), toViewers("b"))
	here := snapshotOf(t, b, "show").Place
	for name, from := range map[string]interact.Place{
		"another epoch":           {Epoch: "other", N: 1},
		"no epoch":                {N: 1},
		"not there yet":           {Epoch: here.Epoch, N: 3},
		"far beyond":              {Epoch: here.Epoch, N: 1 << 60},
		"at the start of another": {Epoch: "other"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := b.Follow(ctx, "show", from, newEar(ctx)); !errors.Is(err, interact.ErrLost) {
			t.Errorf("%s: err = %v, want lost", name, err)
		}
		cancel()
	}
}

func testBusChannels(t *testing.T, b interact.Bus) {
	postAll(t, b, toViewers("mine"))
	if err := b.Post(t.Context(), "other", 1, []interact.Post{toViewers("its"), toViewers("too")}, []byte("other's")); err != nil {
		t.Fatal(err)
	}
	wantPosts(t, recent(t, b, 0), "mine")
	if s := snapshotOf(t, b, "show"); len(s.Data) != 0 {
		t.Errorf("snapshot %q", s.Data)
	}
	heard := follow(t, b, "show", interact.Place{})
	heard.want(t, "mine")
	if err := b.Post(t.Context(), "other", 1, []interact.Post{once("x", "its")}, nil); err != nil {
		t.Fatal(err)
	}
	postAll(t, b, once("x", "last"))
	heard.want(t, "last")
}

func testBusOwnership(t *testing.T, b interact.Bus) {
	p, snapshot := toViewers("mine"), []byte("mine")
	if err := b.Post(t.Context(), "show", 1, []interact.Post{p}, snapshot); err != nil {
		t.Fatal(err)
	}
	copy(p.Data, "YOUR")
	copy(snapshot, "YOUR")
	copy(recent(t, b, 0)[0].Data, "HERS")
	copy(snapshotOf(t, b, "show").Data, "HERS")
	heard := follow(t, b, "show", interact.Place{})
	copy(heard.next(t).Data, "HERS")
	wantPosts(t, recent(t, b, 0), "mine")
	if s := snapshotOf(t, b, "show"); string(s.Data) != "mine" {
		t.Errorf("snapshot %q", s.Data)
	}
}

func testBusContext(t *testing.T, b interact.Bus) {
	postAll(t, b, toViewers("a"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Recent(ctx, "show", 0)
	_, err2 := b.Snapshot(ctx, "show")
	for what, err := range map[string]error{
		"post":     b.Post(ctx, "show", 1, []interact.Post{toViewers("b")}, []byte("b")),
		"whisper":  b.Whisper(ctx, "show", interact.Whisper{Kind: "edge", Node: "n1"}),
		"recent":   err,
		"snapshot": err2,
		"follow":   b.Follow(ctx, "show", interact.Place{}, newEar(ctx)),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: err = %v", what, err)
		}
	}
	wantPosts(t, recent(t, b, 0), "a")
}

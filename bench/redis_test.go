package main

import (
	"context"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/redisproc"
)

// TestRedisBurst is the part redis once, with few viewers.
func TestRedisBurst(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	server, err := redisproc.Start(ctx, redisproc.Options{Dir: t.TempDir(), Args: redisproc.Durable()})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	v, err := openVenue(ctx, server.Addr, interact.LevelLog, 2, 40)
	if err != nil {
		t.Fatal(err)
	}
	var f redisFigures
	if err := v.burst(ctx, server, &f); err != nil {
		t.Error(err)
	}
	if f.answers != 40*redisSlots || f.took <= 0 || f.server <= 0 || f.calls == 0 || f.all < f.calls || f.casts == 0 {
		t.Errorf("%+v", f)
	}
	v.viewers[3].told[0] ^= 1 // what is not as it was told is found
	if _, err := v.receipts(nil); err == nil {
		t.Error("a changed receipt was not found")
	}
	if err := v.close(); err != nil {
		t.Error(err)
	}
}

func TestOperationsIn(t *testing.T) {
	text := "# Commandstats\r\ncmdstat_fcall:calls=7,usec=9,usec_per_call=1.28\r\ncmdstat_fcall_ro:calls=2,usec=1\r\ncmdstat_hset:calls=30,usec=5\r\n"
	if functions, all, err := operationsIn(text); functions != 9 || all != 39 || err != nil {
		t.Errorf("%d, %d, %v", functions, all, err)
	}
	if _, _, err := operationsIn(strings.Replace(text, "calls=30", "calls=x", 1)); err == nil {
		t.Error("nonsense was read")
	}
}

func TestFeedKind(t *testing.T) {
	for _, m := range []wire.Message{&wire.Receipt{ID: "a", Cue: "c", Choice: []int{1}}, &wire.Refused{}, &wire.Bye{}, &wire.Welcome{}} {
		data, err := feedCodec.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		if got := feedKind(data); got != m.Type() {
			t.Errorf("%q, want %q", got, m.Type())
		}
	}
}

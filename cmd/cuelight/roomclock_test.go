package main

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/follow"
)

// leader answers clock pings on loopback until the test ends.
func leader(t *testing.T, room *clock.Room) string {
	t.Helper()
	conn, err := listenClock("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- follow.NewResponder(conn, room).Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("leader: %v", err)
		}
	})
	return conn.LocalAddr().(*net.UDPAddr).String()
}

// A server with a leader has that server's clock, however far off its own was.
func TestFollowedClock(t *testing.T) {
	const off = 2 * time.Hour
	now := time.Now()
	led := clock.NewRoom(now, clock.InstantOf(now.Add(off)), 77)
	file := writeFile(t, "clock: {leader: \""+leader(t, led)+"\"}\n")
	flags := listenFlags{HTTP: "127.0.0.1:0", RTMP: "off", SRT: "off", RTSP: "off", WebRTC: "off", Admin: "off", Data: t.TempDir()}
	s, err := readSettings(file, flags)
	if err != nil {
		t.Fatal(err)
	}
	srv, err := newServer(t.Context(), s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- srv.run(ctx) }()
	status := until(t, "the leader's clock", func() clock.Status { return srv.clock.status(time.Now()) }, func(s clock.Status) bool {
		return s.Lead != nil && s.Lead.Synced
	})
	if d := srv.room.At(time.Now()).Sub(led.At(time.Now())).Abs(); d > 50*time.Millisecond {
		t.Errorf("%v off: %+v", d, status.Lead)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestClockSettingsRefuse(t *testing.T) {
	for file, want := range map[string]string{
		"clock: {ntp: [a.example]}":                                  "clock.ntp: 1 servers",
		"clock: {ntp: [a.example, a.example, b.example]}":            "twice",
		"clock: {ntp: [a.example, b.example, c.example], check: 1s}": "clock.check: 1s is too often",
		"clock: {leader: a.example}":                                 "clock.leader",
		"clock: {answer: 8091}":                                      "clock.answer",
	} {
		if _, err := readSettings(writeFile(t, file+"\n"), listenFlags{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", file, err, want)
		}
	}
}

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cuelight/cuelight/sync/clock"
)

// timeServer answers SNTP on loopback until the test ends, with a time that is
// ahead, and counts who asks.
type timeServer struct {
	address string
	asked   atomic.Int64
}

func newTimeServer(t *testing.T, ahead time.Duration) *timeServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &timeServer{address: conn.LocalAddr().String()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var request [48]byte
		for {
			n, from, err := conn.ReadFrom(request[:])
			if err != nil {
				return
			}
			if n < len(request) {
				continue
			}
			s.asked.Add(1)
			if _, err := conn.WriteTo(sntpReply(request, time.Now().Add(ahead)), from); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return s
}

// sntpReply is that of a server of stratum 1. Spec: RFC 5905 §7.3.
func sntpReply(request [48]byte, now time.Time) []byte {
	const era = 2_208_988_800 // seconds from 1900 to 1970
	stamp := uint64(now.Unix()+era)<<32 | uint64(now.Nanosecond())<<32/1e9
	reply := make([]byte, 48)
	reply[0], reply[1], reply[3] = 4<<3|4, 1, 0xec // 1 µs
	copy(reply[24:32], request[40:48])
	for _, at := range []int{16, 32, 40} {
		binary.BigEndian.PutUint64(reply[at:], stamp)
	}
	return reply
}

// TestTheLeaderAsksForTheTime: of two nodes the one that leads the clock asks
// time servers, and moves the R of both while nobody watches on any of them;
// the other one asks when it has become the leader.
func TestTheLeaderAsksForTheTime(t *testing.T) {
	var servers []*timeServer
	names := ""
	for range 3 {
		s := newTimeServer(t, 20*time.Millisecond)
		servers = append(servers, s)
		names += fmt.Sprintf("%q, ", s.address)
	}
	config := "clock: {ntp: [" + names + "]}\nchannels: {show: {open: true}}\n"
	v := newVillage(t)
	one := v.settle("one", "engine, studio, ingest, origin", config)
	two := v.settle("two", "engine, studio, ingest, origin", config)
	nodes := []*resident{one, two}
	leads := func() *resident {
		return until(t, "a node leads the clock", func() *resident {
			for _, n := range nodes {
				if n.clock.leads() {
					return n
				}
			}
			return nil
		}, func(n *resident) bool { return n != nil })
	}
	first := leads()
	other := one
	if first == one {
		other = two
	}
	status := func(n *resident) clock.Status { return n.clock.status(time.Now()) }
	s := until(t, "what the time servers say", func() clock.Status { return status(first) }, func(s clock.Status) bool { return s.UTC.Known() })
	if s.UTC.Servers != 3 || s.UTC.Agree != 3 || s.UTC.Error > 0 {
		t.Errorf("CL13 %+v", s.UTC)
	}
	until(t, "R is moved to UTC", func() clock.Status { return status(first) }, func(s clock.Status) bool { return s.Slewing > 0 && s.Rate > 0 })
	if s := status(other); s.UTC.At != 0 || s.Lead == nil || !s.Lead.Followed {
		t.Errorf("CL22 the node that follows says %+v", s)
	}
	told := func(n *resident) map[string]int {
		names := make(map[string]int)
		n.clock.collect(func(d *prometheus.Desc, _ float64, _ ...string) { names[d.String()]++ })
		return names
	}
	if told(first)[descClockServers.String()] != 3 || told(other)[descClockServers.String()] != 0 {
		t.Errorf("CL22 figures: %v and %v", told(first), told(other))
	}
	encoder := other.push("show")
	until(t, "R is left alone while another node is on air", func() clock.Status { return status(first) }, func(s clock.Status) bool { return s.Slewing == 0 })
	encoder.Kill()
	first.stop()
	until(t, "the next leader asks", func() clock.Status { return status(other) }, func(s clock.Status) bool { return s.UTC.Known() })
	if !other.clock.leads() {
		t.Error("CL22 it asks and does not lead")
	}
	until(t, "R is moved again, nothing being on air", func() clock.Status { return status(other) }, func(s clock.Status) bool { return s.Slewing > 0 })
	other.stop()
	if s := status(other); s.Slewing != 0 {
		t.Errorf("CL22 R is still moved by a node that leads no more: %+v", s)
	}
}

func TestWhileLeading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var leads atomic.Bool
		var running, begun atomic.Int32
		failed := make(chan error)
		w := &whileLeading{leads: leads.Load, run: func(ctx context.Context) error {
			begun.Add(1)
			running.Add(1)
			defer running.Add(-1)
			select {
			case <-ctx.Done():
				time.Sleep(10 * time.Millisecond) // what it still has to do
				return nil
			case err := <-failed:
				return err
			}
		}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		for i, is := range []bool{false, true, true, false, true} {
			leads.Store(is)
			time.Sleep(time.Second)
			if got := running.Load() == 1; got != is {
				t.Errorf("CL22 look %d: leads %v, runs %v", i, is, got)
			}
		}
		cancel()
		if err := <-done; err != nil || running.Load() != 0 || begun.Load() != 2 {
			t.Errorf("CL22 ended with %v, %d of %d still run", err, running.Load(), begun.Load())
		}
		go func() { done <- w.Run(t.Context()) }()
		broken := errors.New("broken")
		failed <- broken
		if err := <-done; !errors.Is(err, broken) {
			t.Errorf("CL22 a part that fails: %v", err)
		}
	})
}

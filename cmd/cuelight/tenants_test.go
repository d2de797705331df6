package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/internal/token"
)

const twoTenants = "tenants:\n  red: {publishers: 1, bitrate: 1M}\n  blue: {}\nchannels:\n  one: {tenant: red}\n  two: {tenant: red}\n  three: {tenant: blue}\n"

func TestTokenOfATenant(t *testing.T) {
	file, e := writeFile(t, twoTenants), env{"CUELIGHT_DATA": t.TempDir()}
	out, err := command(t, e, "token", "producer", "--config", file, "--tenant", "red")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := token.Open(e["CUELIGHT_DATA"])
	if err != nil {
		t.Fatal(err)
	}
	claims, err := keys.Verify(strings.TrimSpace(out), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if !claims.May("one") || !claims.May("two") || claims.May("three") {
		t.Errorf("the token is for %v", claims.Channels)
	}
	for _, args := range [][]string{{"--tenant", "green"}, {"--tenant", "red", "--channel", "three"}} {
		if out, err := command(t, e, append([]string{"token", "producer", "--config", file}, args...)...); err == nil {
			t.Errorf("%v printed %s", args, out)
		}
	}
}

// sink takes everything.
type sink struct{ frames int }

func (*sink) Begin(ingest.Info, []media.Track) error { return nil }
func (*sink) Change([]media.Track) error             { return nil }
func (*sink) Observe(ingest.Observation)             {}
func (*sink) End(error)                              {}
func (s *sink) Write(media.Frame) error              { s.frames++; return nil }

func TestPublishersOfATenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := readSettings(writeFile(t, twoTenants), listenFlags{})
		if err != nil {
			t.Fatal(err)
		}
		srv := &server{settings: s}
		one, two, three := srv.meter("one", new(sink)), srv.meter("two", new(sink)), srv.meter("three", new(sink))
		begin := func(o ingest.Output) ingest.Code { return code(o.Begin(ingest.Info{}, nil)) }
		if begin(one) != "" || begin(three) != "" {
			t.Fatal("the first publishers are refused")
		}
		if got := begin(two); got != ingest.CodeFull {
			t.Errorf("a tenant's second publisher: %q", got)
		}
		one.End(nil)
		if got := begin(two); got != "" {
			t.Errorf("after the first has gone: %q", got)
		}
		push := func(o ingest.Output, bytes, seconds int) (err error) {
			for range 10 * seconds {
				time.Sleep(100 * time.Millisecond)
				if err = o.Write(media.Frame{Units: [][]byte{make([]byte, bytes/10)}}); err != nil {
					return err
				}
			}
			return nil
		}
		if err := push(two, 100_000, 20); err != nil { // 800 kbit/s
			t.Errorf("below its limit: %v", err)
		}
		if err := push(two, 500_000, 3); err != nil {
			t.Errorf("above it for a moment: %v", err)
		}
		if err := push(two, 100_000, 5); err != nil {
			t.Errorf("after that: %v", err)
		}
		if got := code(push(two, 500_000, 20)); got != ingest.CodeBitrate {
			t.Errorf("above it: %q", got)
		}
		if err := push(three, 5_000_000, 20); err != nil {
			t.Errorf("a tenant without a limit: %v", err)
		}
	})
}

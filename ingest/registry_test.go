package ingest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/ingesttest"
)

func registry(t *testing.T, cfg ingest.Config, channels ...ingest.Channel) *ingest.Registry {
	t.Helper()
	for i := range channels {
		if channels[i].Output == nil {
			channels[i].Output = ingesttest.NewRecorder()
		}
	}
	r, err := ingest.NewRegistry(channels, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func from(channel, key string) ingest.Request {
	return ingest.Request{Channel: channel, Key: ingest.Secret(key), Protocol: "test", Remote: "192.0.2.1:5"}
}

func TestAdmit(t *testing.T) {
	for _, tc := range []struct {
		name         string
		channel, key string
		admitted     string
		code         ingest.Code
		says         string
	}{
		{"IG1 the right key", "show", "secret-1", "show", "", ""},
		{"IG13 a key that one channel has", "", "secret-1", "show", "", ""},
		{"IG12 an open channel", "lobby", "", "lobby", "", ""},
		{"IG12 an open channel takes any key", "lobby", "whatever", "lobby", "", ""},
		{"IG12 an open channel by its name alone", "", "lobby", "lobby", "", ""},
		{"IG2 a wrong key", "show", "guess-9", "", ingest.CodeWrongKey, "copy its stream key again"},
		{"IG2 no key", "show", "", "", ingest.CodeWrongKey, "copy its stream key again"},
		{"IG2 another channel's key", "show", "shared-key", "", ingest.CodeWrongKey, "copy its stream key again"},
		{"IG2 the name alone", "", "show", "", ingest.CodeWrongKey, "use show:KEY"},
		{"IG3 an unknown channel", "shoe", "secret-1", "", ingest.CodeUnknownChannel, "there is no channel shoe"},
		{"IG3 what cannot be a channel is not repeated", "SECRET ", "x", "", ingest.CodeUnknownChannel, "there is no such channel"},
		{"IG13 a key of two channels", "", "shared-key", "", ingest.CodeUnknownChannel, "several channels"},
		{"IG13 an unknown key", "", "nobody-has-it", "", ingest.CodeUnknownChannel, "no channel has this key"},
		{"IG3 nothing", "", "", "", ingest.CodeUnknownChannel, "no channel has this key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := registry(t, ingest.Config{},
				ingest.Channel{Name: "show", Key: "secret-1"},
				ingest.Channel{Name: "news", Key: "shared-key"},
				ingest.Channel{Name: "music", Key: "shared-key"},
				ingest.Channel{Name: "lobby", Open: true})
			s, err := r.Admit(from(tc.channel, tc.key))
			if got := ingest.CodeOf(err); got != tc.code {
				t.Fatalf("code = %q, want %q (%v)", got, tc.code, err)
			}
			if err != nil {
				if !strings.Contains(err.Error(), tc.says) || tc.key != "" && strings.Contains(err.Error(), tc.key) && tc.key != "show" {
					t.Errorf("says %q, want %q and no key", err, tc.says)
				}
				if n := r.Counters().Refused[tc.code]; n != 1 {
					t.Errorf("counted %d refusals, want 1", n)
				}
				return
			}
			if got := s.Info().Channel; got != tc.admitted {
				t.Errorf("admitted to %q, want %q", got, tc.admitted)
			}
			s.Close(nil)
		})
	}
}

func TestLimits(t *testing.T) {
	channels := make([]ingest.Channel, 4)
	for i := range channels {
		channels[i] = ingest.Channel{Name: fmt.Sprintf("c%d", i), Open: true}
	}
	r := registry(t, ingest.Config{MaxSessions: 3, MaxPerRemote: 2}, channels...)
	admit := func(channel, remote string) (*ingest.Session, ingest.Code) {
		s, err := r.Admit(ingest.Request{Channel: channel, Protocol: "test", Remote: remote})
		return s, ingest.CodeOf(err)
	}
	first, _ := admit("c0", "192.0.2.1:1")
	_, _ = admit("c1", "192.0.2.1:2")
	for _, tc := range []struct {
		name, channel, remote string
		want                  ingest.Code
	}{
		{"IG20 a third from one address", "c2", "192.0.2.1:3", ingest.CodeFull},
		{"IG4 a second of one channel", "c0", "192.0.2.2:1", ingest.CodeBusy},
		{"IG20 from another address", "c2", "192.0.2.2:1", ""},
		{"IG20 a fourth in all", "c3", "192.0.2.3:1", ingest.CodeFull},
	} {
		if _, got := admit(tc.channel, tc.remote); got != tc.want {
			t.Errorf("%s: code = %q, want %q", tc.name, got, tc.want)
		}
	}
	first.Close(nil)
	first.Close(nil) // only the first call counts
	if s, code := admit("c0", "192.0.2.3:1"); code != "" {
		t.Errorf("IG20 a slot given back is not free: %q", code)
	} else if live := r.Counters().Live; live != 3 {
		t.Errorf("live = %d, want 3", live)
	} else {
		s.Close(nil)
	}
}

func TestFetchedStreamsHaveNoLimitByAddress(t *testing.T) {
	channels := []ingest.Channel{{Name: "c0", Open: true}, {Name: "c1", Open: true}, {Name: "c2", Open: true}}
	r := registry(t, ingest.Config{MaxPerRemote: 1}, channels...)
	for i, tc := range []struct {
		own  bool
		want ingest.Code
	}{{true, ""}, {true, ""}, {false, ingest.CodeFull}} {
		_, err := r.Admit(ingest.Request{Channel: channels[i].Name, Protocol: "test", Remote: "192.0.2.1:1", Own: tc.own})
		if got := ingest.CodeOf(err); got != tc.want {
			t.Errorf("IG20 number %d from one address, fetched %v: %q, want %q", i, tc.own, got, tc.want)
		}
	}
}

func TestEnter(t *testing.T) {
	r := registry(t, ingest.Config{MaxSessions: 3, MaxPerRemote: 2}, ingest.Channel{Name: "show", Open: true})
	leave, ok := r.Enter("test", "192.0.2.1:1")
	if !ok {
		t.Fatal("the first may not enter")
	}
	_, _ = r.Enter("test", "192.0.2.1:2")
	if _, ok := r.Enter("test", "192.0.2.1:3"); ok {
		t.Error("IG21 a third silent connection of one address may enter")
	}
	leave()
	leave()
	if _, ok := r.Enter("test", "192.0.2.1:4"); !ok {
		t.Error("IG21 a place that was left is not free")
	}
	if _, ok := r.Enter("test", "192.0.2.1:5"); ok {
		t.Error("IG21 leaving twice gave two places")
	}
}

func TestNewRegistryReportsEverything(t *testing.T) {
	out := ingesttest.NewRecorder()
	_, err := ingest.NewRegistry([]ingest.Channel{
		{Name: "Show", Key: "k", Output: out},
		{Name: "a", Output: out},
		{Name: "b", Key: "with:colon", Output: out},
		{Name: "c", Key: "k"},
		{Name: "d", Key: "k", Output: out},
		{Name: "d", Key: "k", Output: out},
	}, ingest.Config{})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`channel "Show"`, "channel a: no stream key", "channel b: a stream key is", "channel c: no output", "channel d: given twice"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not say %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "with:colon") {
		t.Error("IG17 the error holds a key")
	}
}

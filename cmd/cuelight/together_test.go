package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

// put sends a producer's request and returns its status and body.
func (s *station) put(t *testing.T, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.web+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// TestLatencyIsChangedLive: the change is announced beside the playlist, holds
// two seconds later, and is what the channel says of itself.
func TestLatencyIsChangedLive(t *testing.T) {
	s := onAir(t, "channels: {show: {open: true, latency: 3s, part: 200ms}}\n")
	line := func() (l wire.Timeline) {
		if err := json.Unmarshal(s.get(t, "/hls/show/timeline.json"), &l); err != nil {
			t.Fatal(err)
		}
		return l
	}
	before := line()
	if before.Latency != 3000 || before.Next != nil {
		t.Errorf("before: %+v", before)
	}
	status, body := s.put(t, "/api/v1/channels/show/latency", `{"latency_ms":4000}`)
	var set struct {
		Latency int64 `json:"latency_ms"`
		At      int64 `json:"at_us"`
	}
	if err := json.Unmarshal([]byte(body), &set); err != nil || status != 200 || set.Latency != 4000 {
		t.Fatalf("%d %s, %v", status, body, err)
	}
	soon := line()
	if soon.Next == nil || soon.Next.Latency != 4000 || int64(soon.Next.At) != set.At || soon.Latency != 3000 || soon.Rev <= before.Rev {
		t.Errorf("EN22 announced: %+v", soon)
	}
	then := until(t, "the new latency", line, func(l wire.Timeline) bool { return l.Latency == 4000 })
	if then.Next != nil || then.Rev <= soon.Rev {
		t.Errorf("EN22 then: %+v", then)
	}
	if h := s.health(t, "show"); h.Latency != 4000 {
		t.Errorf("the channel says %d ms", h.Latency)
	}
	// Three parts of 200 ms and 500 ms.
	if status, body := s.put(t, "/api/v1/channels/show/latency", `{"latency_ms":1099}`); status != 400 {
		t.Errorf("too short: %d %s", status, body)
	}
	if status, body := s.put(t, "/api/v1/channels/show/latency", `{"latency_ms":1100}`); status != 200 {
		t.Errorf("shortest: %d %s", status, body)
	}
}

func TestLatencyAutoIsChecked(t *testing.T) {
	for name, tc := range map[string]struct {
		limit time.Duration
		good  bool
	}{
		"never": {0, true}, "above": {8 * time.Second, true}, "below the latency": {time.Second, false}, "above a minute": {61 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := channelSettings{LatencyAuto: latencyAuto{Max: span{tc.limit}}}
			c.setDefaults("show")
			if err := c.validate("show"); (err == nil) != tc.good || err != nil && !strings.Contains(err.Error(), "channels.show.latency_auto.max") {
				t.Errorf("err = %v", err)
			}
		})
	}
}

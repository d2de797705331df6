package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// post sends a producer's command and returns the cue that it answers with.
func (s *station) post(t *testing.T, path, body string) (cue struct{ ID string }) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.web+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		t.Fatalf("%s: %s %s, %v", path, answer.Status, text, err)
	}
	if err := json.Unmarshal(text, &cue); err != nil {
		t.Fatal(err)
	}
	return cue
}

// TestCueTravelsInBand: a cue that is taken stands in every playlist, once for
// each revision, and without its text.
func TestCueTravelsInBand(t *testing.T) {
	s := onAir(t, "channels: {show: {open: true}}\n")
	encode(t, "-f", "flv", "rtmp://"+s.address(t, "rtmp")+"/live/show")
	s.live(t, "show")
	const cues = "/api/v1/channels/show/cues"
	question := `{"kind":"poll","title":"Who is it?","options":["Ada","Grace"],"results":"reveal","window_ms":5000}`
	id := s.post(t, cues, question).ID
	s.post(t, cues+"/"+id+"/take", "{}")
	read := func(name string) func() string {
		return func() string { return string(s.get(t, "/hls/show/"+name+".m3u8")) }
	}
	first := fmt.Sprintf(`#EXT-X-DATERANGE:ID="cue-%s-r`, id)
	for _, name := range []string{"video", "audio"} {
		text := until(t, "the cue in "+name, read(name), func(text string) bool { return strings.Contains(text, first) })
		if strings.Contains(text, "Who is it") || strings.Contains(text, "Ada") {
			t.Errorf("%s tells the question:\n%s", name, text)
		}
	}
	// From arming to its end the revision stays the same, and so does what is said.
	text := until(t, "the end of the window", read("video"), func(string) bool {
		var all struct {
			Cues []struct{ ID, State string }
		}
		if err := json.Unmarshal(s.get(t, cues), &all); err != nil {
			t.Fatal(err)
		}
		return len(all.Cues) == 1 && all.Cues[0].State == "closed"
	})
	ranges := regexp.MustCompile(regexp.QuoteMeta(first)+`\d+"`).FindAllString(text, -1)
	if len(ranges) != 1 {
		t.Errorf("ranges %q, want one", ranges)
	}
	s.post(t, cues+"/"+id+"/reveal", "{}")
	until(t, "the end in band", read("video"), func(text string) bool {
		return strings.Count(text, first) == 2 && strings.Contains(text, "END-DATE=")
	})
}

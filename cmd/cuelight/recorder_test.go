package main

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/cuelight/cuelight/interact/history"
)

// A cue that is over is in the history, with everybody's answer.
func TestHistoryIsWritten(t *testing.T) {
	s := onAir(t, "history: true\n")
	data := regexp.MustCompile(`--data (\S+)`).FindStringSubmatch(s.text)[1]
	cue := s.post(t, "/api/v1/channels/show/cues", `{"kind":"trivia","title":"Why?","options":["a","b","c"],"correct":1,"window_ms":3000}`)
	s.post(t, "/api/v1/channels/show/cues/"+cue.ID+"/take", `{}`)
	until(t, "the window to be open", func() string { return s.state(t, cue.ID) }, func(state string) bool { return state == "open" })
	var counts [3]int64
	for i := range 5 {
		var who struct{ Token string }
		if status := s.call(t, http.MethodPost, "/api/v1/channels/show/participants", "", &who); status != http.StatusCreated {
			t.Fatalf("participant: %d", status)
		}
		viewer := &station{web: s.web, token: who.Token}
		body := fmt.Sprintf(`{"id":"a","choice":[%d]}`, i%3)
		status := until(t, "an answer", func() int { return viewer.call(t, http.MethodPost, "/api/v1/cues/"+cue.ID+"/answers", body, nil) },
			func(status int) bool { return status != http.StatusConflict }) // too fast for a person
		if status != http.StatusOK {
			t.Fatalf("answer: %d", status)
		}
		counts[i%3]++
	}
	db, err := history.Open(t.Context(), history.Config{Path: filepath.Join(data, historyFile)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	got := until(t, "the result in the history", func() history.Result {
		r, err := db.Result(t.Context(), "show", cue.ID)
		if err != nil && !errors.Is(err, history.ErrNotFound) {
			t.Fatal(err)
		}
		return r
	}, func(r history.Result) bool { return r.Total > 0 })
	if got.Title != "Why?" || got.Total != 5 || got.Correct == nil || *got.Correct != 1 || !got.Complete || len(got.Options) != 3 {
		t.Fatalf("recorded %+v", got)
	}
	for i, o := range got.Options {
		if o.Count != counts[i] {
			t.Errorf("option %d has %d, want %d", i, o.Count, counts[i])
		}
	}
	answers := 0
	if err := db.Answers(t.Context(), "show", cue.ID, func(history.Answer) error { answers++; return nil }); err != nil || answers != 5 {
		t.Errorf("%d answers recorded (%v), want 5", answers, err)
	}
}

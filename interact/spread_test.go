package interact_test

import (
	"encoding/json"
	"os"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/interact"
)

// TestSendDelayExamples: the player works the same delays out of the same file.
func TestSendDelayExamples(t *testing.T) {
	data, err := os.ReadFile("wire/testdata/spread.json")
	if err != nil {
		t.Fatal(err)
	}
	var examples []struct {
		Cue         string `json:"cue"`
		Participant string `json:"participant"`
		Spread      int64  `json:"spread_ms"`
		Delay       int64  `json:"delay_ms"`
	}
	if err := json.Unmarshal(data, &examples); err != nil || len(examples) == 0 {
		t.Fatalf("%d examples, %v", len(examples), err)
	}
	for _, e := range examples {
		got := interact.SendDelay(e.Cue, e.Participant, time.Duration(e.Spread)*time.Millisecond)
		if want := time.Duration(e.Delay) * time.Millisecond; got != want {
			t.Errorf("IN11 %q, %q over %d ms: %v, want %v", e.Cue, e.Participant, e.Spread, got, want)
		}
	}
}

func TestSendDelayStaysInItsSpread(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spread := time.Duration(rapid.Int64Range(-1e9, 1e9).Draw(t, "spread"))
		got := interact.SendDelay(rapid.String().Draw(t, "cue"), rapid.String().Draw(t, "participant"), spread)
		if got < 0 || got > max(spread, 0) || got%time.Millisecond != 0 {
			t.Fatalf("IN11 %v of %v", got, spread)
		}
	})
}

// TestSendDelayIsEven: a crowd comes in a stream, not in heaps.
func TestSendDelayIsEven(t *testing.T) {
	const viewers, slots = 20_000, 10
	var counts [slots]int
	for i := range viewers {
		delay := interact.SendDelay("c1", "p"+strconv.Itoa(i), 499*time.Millisecond)
		counts[delay/(50*time.Millisecond)]++
	}
	for i, n := range counts {
		if n < viewers/slots*85/100 || n > viewers/slots*115/100 {
			t.Errorf("IN11 %d of %d viewers in the %d. twentieth of a second", n, viewers, i+1)
		}
	}
}

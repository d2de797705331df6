package sntp_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/sync/sntp"
)

func TestAgree(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spans []sntp.Span
		want  sntp.Span
		most  int
	}{
		{"CL13 nobody", nil, sntp.Span{}, 0},
		{"CL13 one", []sntp.Span{{Low: 1, High: 3}}, sntp.Span{Low: 1, High: 3}, 1},
		{"CL13 what all share", []sntp.Span{{Low: 8, High: 12}, {Low: 11, High: 13}, {Low: 10, High: 12}}, sntp.Span{Low: 11, High: 12}, 3},
		{"CL13 one is out", []sntp.Span{{Low: 8, High: 12}, {Low: 11, High: 13}, {Low: 100, High: 101}}, sntp.Span{Low: 11, High: 12}, 2},
		{"CL13 spans that touch", []sntp.Span{{Low: 1, High: 2}, {Low: 2, High: 3}}, sntp.Span{Low: 2, High: 2}, 2},
		{"CL13 two answers", []sntp.Span{{Low: 0, High: 10}, {Low: 1, High: 2}, {Low: 8, High: 9}}, sntp.Span{Low: 1, High: 9}, 2},
		{"CL13 nobody agrees", []sntp.Span{{Low: 5, High: 6}, {Low: 1, High: 2}}, sntp.Span{Low: 1, High: 6}, 1},
	} {
		if got, most := sntp.Agree(tc.spans); got != tc.want || most != tc.most {
			t.Errorf("%s: %v of %d, want %v of %d", tc.name, got, most, tc.want, tc.most)
		}
	}
}

// TestMajorityIsRight: whatever the others say, what the truthful ones allow
// stays within the answer as long as they are more.
func TestMajorityIsRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := func(name string, low, high int64) time.Duration {
			return time.Duration(rapid.Int64Range(low, high).Draw(t, name))
		}
		truth := number("truth", -1000, 1000)
		liars := rapid.IntRange(0, 5).Draw(t, "liars")
		var spans []sntp.Span
		for range liars {
			low := number("low", -5000, 5000)
			spans = append(spans, sntp.Span{Low: low, High: low + number("width", 0, 500)})
		}
		honest := liars + 1 + rapid.IntRange(0, 3).Draw(t, "more")
		for range honest {
			spans = append(spans, sntp.Span{Low: truth - number("below", 0, 300), High: truth + number("above", 0, 300)})
		}
		got, most := sntp.Agree(spans)
		if most < honest {
			t.Fatalf("CL13 %d agree, want at least the %d honest ones", most, honest)
		}
		if most == honest && (truth < got.Low || truth > got.High) {
			t.Fatalf("CL13 the truth %v is not in %v", truth, got)
		}
	})
}

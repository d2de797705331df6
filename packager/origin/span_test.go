package origin

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestParseRange(t *testing.T) {
	const size = 100
	for _, tc := range []struct {
		name, value string
		want        span
		verdict     rangeVerdict
	}{
		{"N6 a range", "bytes=10-19", span{10, 20}, rangePartial},
		{"N6 from", "bytes=10-", span{10, 100}, rangePartial},
		{"N6 the last", "bytes=-10", span{90, 100}, rangePartial},
		{"N6 more than there is", "bytes=90-1000", span{90, 100}, rangePartial},
		{"N6 the last, more than there is", "bytes=-1000", span{0, 100}, rangePartial},
		{"N6 the greatest number", "bytes=1-9223372036854775807", span{1, 100}, rangePartial},
		{"N6 more digits than a number has", "bytes=1-99999999999999999999999", everything, rangeIgnored},
		{"N6 a sign", "bytes=+1-2", everything, rangeIgnored},
		{"N6 one byte", "bytes=0-0", span{0, 1}, rangePartial},
		{"N6 behind the end", "bytes=100-", everything, rangeNotWithin},
		{"N6 the last none", "bytes=-0", everything, rangeNotWithin},
		{"N6 several", "bytes=0-1,5-6", everything, rangeIgnored},
		{"N6 backwards", "bytes=9-8", everything, rangeIgnored},
		{"N6 another unit", "parts=0-1", everything, rangeIgnored},
		{"N6 no number", "bytes=a-b", everything, rangeIgnored},
		{"N6 negative", "bytes=--5", everything, rangeIgnored},
		{"N6 nothing", "bytes=-", everything, rangeIgnored},
		{"N6 no dash", "bytes=5", everything, rangeIgnored},
	} {
		if got, verdict := parseRange(tc.value, size); got != tc.want || verdict != tc.verdict {
			t.Errorf("%s: %v %d, want %v %d", tc.name, got, verdict, tc.want, tc.verdict)
		}
	}
}

// FuzzRange compares with the library's file server.
func FuzzRange(f *testing.F) {
	for _, s := range []string{"bytes=0-4", "bytes=-5", "bytes=95-", "bytes=3-1", "bytes= 1 - 2 ", "bytes=1-2,3-4", "bytes=-0", "byte=1-2", "bytes=-10000000000000000000"} {
		f.Add(s)
	}
	file := []byte(strings.Repeat("0123456789", 10))
	f.Fuzz(func(t *testing.T, value string) {
		got, verdict := parseRange(value, int64(len(file)))
		if strings.ContainsAny(value, ",+\r\n") { // the library takes signs, headers have no line ends
			if verdict != rangeIgnored {
				t.Errorf("%q: several ranges, a sign or a line end were taken", value)
			}
			return
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header["Range"] = []string{value}
		w := httptest.NewRecorder()
		http.ServeContent(w, r, "x.mp4", time.Time{}, bytes.NewReader(file))
		if w.Code == http.StatusPartialContent && w.Body.Len() == 0 {
			if verdict != rangeNotWithin { // the library sends a range of no bytes here
				t.Errorf("%q: verdict %d for no bytes at all", value, verdict)
			}
			return
		}
		if (verdict == rangePartial) != (w.Code == http.StatusPartialContent) {
			t.Fatalf("%q: verdict %d, the library answers %d", value, verdict, w.Code)
		}
		if verdict != rangePartial {
			return
		}
		if want := w.Header().Get("Content-Range"); got.contentRange(int64(len(file))) != want {
			t.Errorf("%q: %s, the library says %s", value, got.contentRange(int64(len(file))), want)
		}
		rest := got // the same bytes, however the file is cut into pieces
		var body []byte
		for i := range len(file) / 7 {
			body = append(body, rest.take(file[i*7:i*7+7])...)
		}
		body = append(body, rest.take(file[len(file)/7*7:])...)
		if !bytes.Equal(body, w.Body.Bytes()) {
			t.Errorf("%q: %q, the library sends %q", value, body, w.Body)
		}
	})
}

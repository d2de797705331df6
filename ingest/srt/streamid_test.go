package srt_test

import (
	"strings"
	"testing"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/srt"
)

func TestParseStreamID(t *testing.T) {
	for _, tc := range []struct {
		name, in, channel, key string
		code                   ingest.Code
	}{
		{"IG13 publish", "publish:show:SECRET", "show", "SECRET", ""},
		{"IG13 publish with a query", "publish:show?key=SECRET", "show", "SECRET", ""},
		{"IG12 publish to an open channel", "publish:lobby", "", "lobby", ""},
		{"IG13 without a mode", "show:SECRET", "show", "SECRET", ""},
		{"IG13 still escaped", "publish%3Ashow%3ASECRET", "show", "SECRET", ""},
		{"IG13 access control", "#!::r=show,m=publish,s=SECRET", "show", "SECRET", ""},
		{"IG13 access control in any order, with more", "#!::u=ann,m=publish,t=stream,s=SECRET,r=show", "show", "SECRET", ""},
		{"IG13 access control with the key in r", "#!::m=publish,r=show:SECRET", "show", "SECRET", ""},
		{"IG26 request", "request:show", "", "", ingest.CodeMode},
		{"IG26 read", "read:show:SECRET", "", "", ingest.CodeMode},
		{"IG26 access control that requests", "#!::r=show,m=request,s=SECRET", "", "", ingest.CodeMode},
		{"IG26 access control without a mode requests", "#!::r=show,s=SECRET", "", "", ingest.CodeMode},
		{"IG7 access control without =", "#!::m=publish,show", "", "", ingest.CodeMalformed},
		{"IG7 empty", "", "", "", ingest.CodeMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			channel, key, err := srt.ParseStreamID(tc.in)
			if got := ingest.CodeOf(err); channel != tc.channel || string(key) != tc.key || got != tc.code {
				t.Errorf("%q → %q, %q, %v; want %q, %q, %q", tc.in, channel, string(key), err, tc.channel, tc.key, tc.code)
			}
			if err != nil && strings.Contains(err.Error(), "SECRET") {
				t.Errorf("IG17 the error holds the key: %v", err)
			}
		})
	}
}

func TestReasonsAreKnownToCallers(t *testing.T) {
	for code, want := range map[ingest.Code]uint32{
		ingest.CodeWrongKey: 2403, ingest.CodeUnknownChannel: 2404, ingest.CodeBusy: 2409,
		ingest.CodeFull: 2402, ingest.CodeMode: 2405, ingest.CodeMalformed: 2400,
	} {
		if got := uint32(srt.Reason(ingest.Errorf(code, "x"))); got != want {
			t.Errorf("IG2 %s → %d on the wire, want %d", code, got, want)
		}
	}
}

func FuzzParseStreamID(f *testing.F) {
	for _, seed := range []string{"publish:show:SECRET", "#!::r=show,m=publish,s=x", "#!::", "%", "request", "#!::m=publish,,="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, id string) {
		channel, key, err := srt.ParseStreamID(id)
		if err != nil && (channel != "" || key != "" || ingest.CodeOf(err) == ingest.CodeInternal) {
			t.Errorf("%q → %q, %q, %v", id, channel, string(key), err)
		}
	})
}

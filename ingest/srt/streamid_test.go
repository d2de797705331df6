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
		{"IG51 access control with everything", "#!::h=host.example,t=stream,s=SECRET,u=ann,r=show,m=publish", "show", "SECRET", ""},
		{"IG51 values are percent-decoded", "#!::r=sh%6fw,m=publish,s=SE%43RET", "show", "SECRET", ""},
		{"IG51 a comma in a value", "#!::u=a%2Cr%3Dother,r=show,m=publish,s=SECRET", "show", "SECRET", ""},
		{"IG51 all of it escaped", "%23%21%3A%3Ar%3Dshow%2Cm%3Dpublish%2Cs%3DSECRET", "show", "SECRET", ""},
		{"IG51 a percent that escapes nothing", "#!::r=show,m=publish,s=50%SECRET", "show", "50%SECRET", ""},
		{"IG51 spaces around", "#!:: r = show , m = publish , s = SECRET", "show", "SECRET", ""},
		{"IG51 an empty key is one", "#!::r=show,m=publish,s=", "show", "", ""},
		{"IG51 both ways at once", "#!::r=show,m=bidirectional,s=SECRET", "", "", ingest.CodeMode},
		{"IG51 both ways at once, short", "bidirectional:show:SECRET", "", "", ingest.CodeMode},
		{"IG51 a key twice", "#!::r=show,r=other,m=publish,s=SECRET", "", "", ingest.CodeMalformed},
		{"IG51 nested", "#!:{u=ann,r=show,m=publish,s=SECRET}", "", "", ingest.CodeMalformed},
		{"IG51 nothing but the mark", "#!::", "", "", ingest.CodeMalformed},
		{"IG51 longer than SRT allows", "publish:show:" + strings.Repeat("S", 500), "", "", ingest.CodeMalformed},
		{"IG51 a hundred keys", "#!::" + strings.Repeat("a=b,", 100) + "m=publish", "", "", ingest.CodeMalformed},
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
		if got := 1000 + uint32(srt.ReasonOf(ingest.Errorf(code, "x"))); got != want {
			t.Errorf("IG2 %s → %d on the wire, want %d", code, got, want)
		}
	}
}

func FuzzParseStreamID(f *testing.F) {
	for _, seed := range []string{"publish:show:SECRET", "#!::r=show,m=publish,s=x", "#!::", "%", "request", "#!::m=publish,,=", "#!:{}", "%23%21%3A%3Ar%3Da"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, id string) {
		channel, key, err := srt.ParseStreamID(id)
		if len(channel)+len(key) > len(id) {
			t.Errorf("more came out than went in: %q → %q, %q", id, channel, string(key))
		}
		if err != nil && (channel != "" || key != "" || ingest.CodeOf(err) == ingest.CodeInternal) {
			t.Errorf("%q → %q, %q, %v", id, channel, string(key), err)
		}
	})
}

package origin_test

import (
	"net/url"
	"testing"

	"github.com/cuelight/cuelight/packager/origin"
)

func TestParseDirectives(t *testing.T) {
	for _, tc := range []struct {
		name, query string
		want        origin.Directives
		ok          bool
	}{
		{"none", "", origin.Directives{}, true},
		{"B1 msn", "_HLS_msn=7", origin.Directives{MSN: 7, HasMSN: true}, true},
		{"B2 msn and part", "_HLS_msn=7&_HLS_part=0", origin.Directives{MSN: 7, HasMSN: true, HasPart: true}, true},
		{"D1 skip", "_HLS_skip=YES", origin.Directives{Skip: true}, true},
		{"D4 skip of date ranges", "_HLS_skip=v2", origin.Directives{Skip: true, SkipDates: true}, true},
		{"D1 another skip", "_HLS_skip=NO", origin.Directives{}, true},
		{"N5 others are ignored", "a=b&_HLS_push=1&_HLS_msn=7&&", origin.Directives{MSN: 7, HasMSN: true}, true},
		{"B5 part alone", "_HLS_part=1", origin.Directives{}, false},
		{"B5 empty", "_HLS_msn=", origin.Directives{}, false},
		{"B5 negative", "_HLS_msn=-1", origin.Directives{}, false},
		{"B5 leading zero", "_HLS_msn=07", origin.Directives{}, false},
		{"B5 too large", "_HLS_msn=9999999999999999999", origin.Directives{}, false},
		{"B5 twice", "_HLS_msn=7&_HLS_msn=7", origin.Directives{}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := origin.ParseDirectives(tc.query)
			if got != tc.want || (err == nil) != tc.ok {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// FuzzParseDirectives compares with the library's parser, which is slower and
// allocates.
func FuzzParseDirectives(f *testing.F) {
	for _, s := range []string{"_HLS_msn=7&_HLS_part=1&_HLS_skip=YES", "_HLS_part=1", "_HLS_msn=07", "a=1&_HLS_msn=3", "&&=&_HLS_msn"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		d, err := origin.ParseDirectives(query)
		values, bad := url.ParseQuery(query)
		if err != nil || bad != nil {
			return
		}
		if d.HasPart && !d.HasMSN {
			t.Errorf("B5 %q was accepted", query)
		}
		if d.HasMSN && !values.Has("_HLS_msn") || d.Skip && !values.Has("_HLS_skip") {
			t.Errorf("%q gave %+v", query, d)
		}
	})
}

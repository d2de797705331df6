package history_test

import (
	"fmt"
	"testing"

	"github.com/cuelight/cuelight/interact/history"
	"github.com/cuelight/cuelight/sync/clock"
)

// TestShows checks where shows begin and end.
func TestShows(t *testing.T) {
	type take struct {
		cue string
		at  clock.Instant
	}
	cases := []struct {
		name  string
		takes []take // in the order of the log
		ends  []clock.Instant
		now   clock.Instant
		want  [][]string // cues by show
		ended []string   // by whom, by show
	}{
		{
			"HI8 cues that follow each other are one show",
			[]take{{"a", start}, {"b", start + hour}, {"c", start + 4*hour}}, nil, start + 5*hour,
			[][]string{{"a", "b", "c"}}, []string{""},
		},
		{
			"HI8 four quiet hours end a show",
			[]take{{"a", start}, {"b", start + 5*hour}}, nil, start + 6*hour,
			[][]string{{"a"}, {"b"}}, []string{"quiet", ""},
		},
		{
			"HI8 the producer ends a show",
			[]take{{"a", start}, {"b", start + hour}, {"c", start + 2*hour}}, []clock.Instant{start + hour + 600*second}, start + 3*hour,
			[][]string{{"a", "b"}, {"c"}}, []string{"producer", ""},
		},
		{
			"HI8 each end ends the show before it, however late they are heard of",
			[]take{{"a", start}, {"b", start + hour}, {"c", start + 2*hour}},
			[]clock.Instant{start + 90*60*second, start + 30*60*second, start + 150*60*second}, start + 3*hour,
			[][]string{{"a"}, {"b"}, {"c"}}, []string{"producer", "producer", "producer"},
		},
		{
			"HI8 an end with nothing before it ends nothing",
			[]take{{"a", start}}, []clock.Instant{start - hour, start - 1}, start + hour,
			[][]string{{"a"}}, []string{""},
		},
		{
			"HI8 a second end changes nothing",
			[]take{{"a", start}, {"b", start + hour}}, []clock.Instant{start + 60*second, start + 70*second}, start + 2*hour,
			[][]string{{"a"}, {"b"}}, []string{"producer", ""},
		},
		{
			"HI9 a clock that was set back begins another show",
			[]take{{"a", start}, {"b", start + hour}, {"c", start - 24*hour}, {"d", start - 23*hour}}, nil, start - 23*hour,
			[][]string{{"a", "b"}, {"c", "d"}}, []string{"", ""},
		},
		{
			"HI9 also into the time of another show",
			[]take{{"a", start}, {"b", start + 10*hour}, {"c", start + 60*second}, {"d", start + 120*second}}, nil, start + 120*second,
			[][]string{{"a"}, {"b"}, {"c", "d"}}, []string{"", "", ""},
		},
		{
			"HI9 a step of seconds is none",
			[]take{{"a", start}, {"b", start - 5*second}}, nil, start,
			[][]string{{"a", "b"}}, []string{""},
		},
		{
			"HI9 instants that cannot be",
			[]take{{"a", -7}, {"b", 1 << 62}}, nil, start,
			[][]string{{"a"}, {"b"}}, []string{"quiet", ""},
		},
	}
	onBoth(t, func(t *testing.T, e means) {
		db := open(t, e.place(t))
		for i, tc := range cases {
			t.Run(tc.name, func(t *testing.T) {
				channel := fmt.Sprintf("show%d", i)
				v := newVenue()
				for _, one := range tc.takes {
					v.do("prepare", one.cue, one.at-60*second, map[string]any{"question": map[string]any{"kind": "poll", "title": one.cue, "options": []string{"x", "y"}}})
					v.do("take", one.cue, one.at, nil)
					c := v.finish(one.cue, one.at, 0, false)
					c.Close = one.at + 1
				}
				for _, at := range tc.ends {
					v.ends = append(v.ends, history.End{At: at, By: "ann"})
				}
				for range 2 { // a second recorder finds the same
					recordAll(t, db, v, func(c *history.RecorderConfig) {
						c.Channel, c.Now = channel, func() clock.Instant { return tc.now }
					})
					checkShows(t, db, channel, tc.want, tc.ended)
				}
			})
		}
	})
}

func checkShows(t *testing.T, db *history.DB, channel string, want [][]string, ended []string) {
	t.Helper()
	all, err := db.Shows(t.Context(), history.ShowsQuery{Channels: []string{channel}})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != len(want) {
		t.Fatalf("%d shows, want %d: %+v", len(all), len(want), all)
	}
	for i, cues := range want {
		s := all[len(all)-1-i]
		if s.EndedBy != ended[i] || (s.Ended == 0) != (ended[i] == "") {
			t.Errorf("show %d ended by %q at %d, want %q", i, s.EndedBy, s.Ended, ended[i])
		}
		rundown, err := db.Rundown(t.Context(), s.ID)
		if err != nil {
			t.Fatal(err)
		}
		results, err := db.Results(t.Context(), s.ID)
		if err != nil {
			t.Fatal(err)
		}
		got, planned := map[string]bool{}, map[string]bool{}
		for _, r := range results {
			got[r.Cue] = true
		}
		for _, p := range rundown {
			planned[p.Cue] = true
		}
		for _, cue := range cues {
			if !got[cue] || !planned[cue] {
				t.Errorf("show %d lacks cue %s: results %v, rundown %v", i, cue, got, planned)
			}
		}
		if len(got) != len(cues) || len(planned) != len(cues) {
			t.Errorf("show %d has %v and %v, want %v", i, got, planned, cues)
		}
	}
}

// TestShowsWithoutLog has cues whose commands the log does not have any more, and
// that finish in another order than they were taken in.
func TestShowsWithoutLog(t *testing.T) {
	onBoth(t, func(t *testing.T, e means) {
		db, v := open(t, e.place(t)), newVenue()
		v.finish("b", start+60*second, 1, false)
		recordAll(t, db, v, nil)
		v.finish("a", start, 1, false)
		v.finish("z", start+20*hour, 1, false)
		recordAll(t, db, v, nil)
		all := shows(t, db)
		if len(all) != 2 || all[1].Started != start || all[1].Cues != 2 || all[0].Cues != 1 {
			t.Errorf("HI8 shows %+v", all)
		}
	})
}

// TestShowReopens has a take that is heard of after its show seemed to be over.
func TestShowReopens(t *testing.T) {
	onBoth(t, func(t *testing.T, e means) {
		db, v := open(t, e.place(t)), newVenue()
		late := func(c *history.RecorderConfig) { c.Now = func() clock.Instant { return start + 5*hour } }
		v.do("take", "a", start, nil)
		v.finish("a", start, 1, false)
		recordAll(t, db, v, late)
		if s := shows(t, db); len(s) != 1 || s[0].EndedBy != "quiet" || s[0].Ended != s[0].Last {
			t.Fatalf("HI8 %+v", s)
		}
		v.do("take", "b", start+3*hour, nil)
		v.finish("b", start+3*hour, 1, false)
		recordAll(t, db, v, late)
		if s := shows(t, db); len(s) != 1 || s[0].Cues != 2 || s[0].Ended != 0 {
			t.Errorf("HI8 %+v", s)
		}
	})
}

// TestTwoChannels keeps shows of channels apart, and tenants.
func TestTwoChannels(t *testing.T) {
	onBoth(t, func(t *testing.T, e means) {
		db := open(t, e.place(t))
		for i, name := range []string{"one", "two", "three"} {
			v := newVenue()
			v.finish("same", start, i+1, false)
			recordAll(t, db, v, func(c *history.RecorderConfig) { c.Channel, c.Tenant = name, fmt.Sprintf("t%d", i%2) })
		}
		for _, tc := range []struct {
			query history.ShowsQuery
			want  []string
		}{
			{history.ShowsQuery{}, []string{"three", "two", "one"}},
			{history.ShowsQuery{Channels: []string{"one", "three"}}, []string{"three", "one"}},
			{history.ShowsQuery{Tenant: "t1"}, []string{"two"}},
			{history.ShowsQuery{Tenant: "t1", Channels: []string{"one"}}, nil},
			{history.ShowsQuery{Limit: 1}, []string{"three"}},
			{history.ShowsQuery{Channels: []string{"'"}}, nil},
		} {
			got, err := db.Shows(t.Context(), tc.query)
			if err != nil {
				t.Fatal(err)
			}
			names := []string{}
			for _, s := range got {
				names = append(names, s.Channel)
			}
			if fmt.Sprint(names) != fmt.Sprint(append([]string{}, tc.want...)) {
				t.Errorf("HI13 %+v: %v, want %v", tc.query, names, tc.want)
			}
		}
		first, err := db.Shows(t.Context(), history.ShowsQuery{Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		if next, err := db.Shows(t.Context(), history.ShowsQuery{Before: first[1].ID}); err != nil || len(next) != 1 || next[0].Channel != "one" {
			t.Errorf("HI13 the next page: %+v, %v", next, err)
		}
		for i, name := range []string{"one", "two", "three"} {
			if r, err := db.Result(t.Context(), name, "same"); err != nil || r.Total != int64(i+1) {
				t.Errorf("%s: %+v, %v", name, r, err)
			}
		}
		_, err = db.Result(t.Context(), "four", "same")
		mustContain(t, err, history.ErrNotFound)
		_, err = db.Show(t.Context(), 99)
		mustContain(t, err, history.ErrNotFound, "99")
	})
}

// TestTwoRecorders has a leader that was replaced and does not know yet.
func TestTwoRecorders(t *testing.T) {
	onBoth(t, func(t *testing.T, e means) {
		place := e.place(t)
		v := newVenue()
		for i := range 12 {
			id := fmt.Sprintf("c%d", i)
			at := start + clock.Instant(i)*60*second
			v.do("prepare", id, at-1, map[string]any{"question": map[string]any{"kind": "poll", "title": "t", "options": []string{"x", "y"}}})
			v.do("take", id, at, nil)
			v.finish(id, at, 300, false)
		}
		var rivals []*running
		for range 2 {
			rivals = append(rivals, record(t, open(t, place), v, nil))
		}
		for _, r := range rivals {
			r.await(t, "c11")
			r.until(t, "all written", func(h history.Health) bool { return h.Pending == 0 && h.Trouble == "" })
			r.halt()
		}
		look := e.look(t, place)
		for query, want := range map[string]int64{
			"SELECT count(*) FROM shows": 1, "SELECT count(*) FROM cues": 12, "SELECT count(*) FROM answers": 3600,
			"SELECT count(*) FROM audit": 24, "SELECT count(*) FROM rundowns": 12, "SELECT count(*) FROM counts": 24,
		} {
			if n := count(t, look, query); n != want {
				t.Errorf("HI3 %s: %d, want %d", query, n, want)
			}
		}
	})
}

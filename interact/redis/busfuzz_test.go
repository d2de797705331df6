package redis_test

import (
	"bytes"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/interact"
	redisstore "github.com/cuelight/cuelight/interact/redis"
)

func FuzzPost(f *testing.F) {
	f.Add("P e 1 1 1 x.1 - -\nhello")
	f.Add("P e 2 0 3 x.2 x.1 =key:c1:1\n\x00\n")
	f.Add("P e 2 0 3 x.2 x.1 =key:c1:1 later\ndata")
	for _, s := range []string{"", "P", "P\n", "P e 0 0 1 x - -\nd", "P e -1 0 1 x - -\nd", "P e 1 1 999 x - -\nd", "P e 1 1 1 x - =\nd", "P e 99999999999999999 1 1 x - -\nd", "W edge n\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := redisstore.ParsePost(text)
		if err != nil {
			return
		}
		if p.N == 0 || p.N >= 1<<53 || len(p.Data) == 0 || len(p.Data) > interact.MaxPost || !strings.HasSuffix(text, string(p.Data)) {
			t.Errorf("%q reads as %+v", text, p)
		}
		if p.Once != "" && !strings.Contains(text, "="+p.Once) {
			t.Errorf("%q has the name %q", text, p.Once)
		}
	})
}

func FuzzWhisper(f *testing.F) {
	f.Add("W edge n-1\n{}")
	for _, s := range []string{"", "W\n", "W edge\n", "W Edge n\n", "W edge n later\n", "W edge n", "P e 1 1 1 x - -\nd"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		w, err := redisstore.ParseWhisper(text)
		if err != nil {
			return
		}
		again, err := redisstore.ParseWhisper(redisstore.FormatWhisper(w))
		if err != nil || !reflect.DeepEqual(again, w) {
			t.Errorf("%+v comes back as %+v, %v", w, again, err)
		}
	})
}

func FuzzNode(f *testing.F) {
	f.Add(`{"id":"a","url":"http://10.0.0.1:1","roles":["gateway"],"version":1,"load":{"x":1},"later":[1]}`)
	for _, s := range []string{"", "{}", "null", `{"id":"a b"}`, `{"id":1}`, `{"id":"a","load":{`, `[`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := redisstore.ParseNode(text); err == nil && (n.ID == "" || len(n.ID) > 64 || strings.ContainsAny(n.ID, " \n")) {
			t.Errorf("%q is the node %q", text, n.ID)
		}
	})
}

func FuzzRecord(f *testing.F) {
	f.Add("5-0", "k", "1", "c1", "data", true)
	f.Add("0-0", "k", "1", "c1", "data", true)
	f.Add("5-1", "x", "300", "", "", false)
	f.Add("99999999999999999999-0", "k", "-1", "c1", "data", false)
	f.Fuzz(func(t *testing.T, id, name, kind, cue, data string, summed bool) {
		r := interact.Record{Channel: "show", Cue: cue, Data: []byte(data)}
		if n, err := strconv.Atoi(kind); err == nil {
			r.Kind = interact.RecordKind(n)
		}
		sum := "abc"
		if summed {
			sum = redisstore.FieldsOf(r)[2].(string)
		}
		entry := []any{id, []any{name, kind, "c", cue, "s", sum, "d", data}}
		got, err := redisstore.ParseRecord("show", entry)
		if err != nil {
			return
		}
		if got.Seq == 0 || got.Kind != r.Kind || got.Cue != cue || !bytes.Equal(got.Data, r.Data) {
			t.Errorf("%v reads as %+v", entry, got)
		}
	})
}

func TestRecordSum(t *testing.T) {
	r := interact.Record{Channel: "show", Kind: interact.RecordCue, Cue: "c1", Data: []byte("data")}
	f := redisstore.FieldsOf(r)
	whole := func() []any { return []any{"7-0", []any{"k", f[0], "c", f[1], "s", f[2], "d", string(r.Data)}} }
	if got, err := redisstore.ParseRecord("show", whole()); err != nil || got.Seq != 7 {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, other := range map[int]string{1: "3", 3: "c2", 5: "1", 7: "dat"} {
		e := whole()
		e[1].([]any)[i] = other
		if _, err := redisstore.ParseRecord("show", e); err == nil || !strings.Contains(err.Error(), "record 7 of channel show") {
			t.Errorf("ST13 field %d changed: %v", i, err)
		}
	}
	if _, err := redisstore.ParseRecord("other", whole()); err == nil {
		t.Error("ST13 a record of another channel is taken")
	}
	for _, bad := range []any{nil, "x", []any{}, []any{"7-0"}, []any{1, []any{}}, []any{"7-0", []any{"k"}}, []any{"7-0", []any{"k", 1}}} {
		if _, err := redisstore.ParseRecord("show", bad); err == nil {
			t.Errorf("ST13 %v is taken", bad)
		}
	}
}

func TestBadReplies(t *testing.T) {
	for _, bad := range []any{nil, "x", []any{}, []any{"e", "1", "x", "d"}, []any{"e", "-1", "1", "d"}, []any{"e", "1", "1", nil}} {
		if s, err := redisstore.ParseSnapshot(bad); err == nil {
			t.Errorf("%v reads as %+v", bad, s)
		}
	}
	for _, bad := range [][]string{nil, {"1"}, {"1", "2", "3", "4", "5", "6", "x"}} {
		if err := redisstore.ParseExtent(bad); err == nil {
			t.Errorf("%v is an extent", bad)
		}
	}
}

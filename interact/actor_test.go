package interact_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cuelight/cuelight/interact"
)

func TestActor(t *testing.T) {
	if got := interact.ActorOf(t.Context()); got != "" {
		t.Errorf("nobody is %q", got)
	}
	long := strings.Repeat("ä", interact.MaxActor)
	for who, want := range map[string]string{
		"ann": "ann", "": "", "a\xffb": "a\uFFFDb", long: long[:interact.MaxActor], "x" + long: "x" + long[:interact.MaxActor-2],
	} {
		ctx := interact.WithActor(interact.WithActor(t.Context(), "before"), who)
		if got := interact.ActorOf(ctx); got != want || !utf8.ValidString(got) {
			t.Errorf("%.20q is %.20q, want %.20q", who, got, want)
		}
	}
}

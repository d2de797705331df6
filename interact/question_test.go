package interact_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
)

func TestQuestion(t *testing.T) {
	good := interact.Question{Kind: interact.KindTrivia, Title: " How many? ", Options: []string{"24 ", "30"}, Correct: 1}
	for _, tc := range []struct {
		name   string
		change func(q *interact.Question)
		want   string // field named in the error; "" if it is fine
	}{
		{"IN8 a trivia question", func(*interact.Question) {}, ""},
		{"IN8 a poll", func(q *interact.Question) { q.Kind = interact.KindPoll }, ""},
		{"IN8 no kind", func(q *interact.Question) { q.Kind = "" }, "kind"},
		{"IN8 another kind", func(q *interact.Question) { q.Kind = "quiz" }, "kind"},
		{"IN8 no title", func(q *interact.Question) { q.Title = " " }, "title"},
		{"IN8 a title that fits no phone", func(q *interact.Question) { q.Title = strings.Repeat("ü", 281) }, "title"},
		{"IN8 a title that just fits", func(q *interact.Question) { q.Title = strings.Repeat("ü", 280) }, ""},
		{"IN8 a title that is no text", func(q *interact.Question) { q.Title = "\xff" }, "title"},
		{"IN8 one option", func(q *interact.Question) { q.Options, q.Correct = q.Options[:1], 0 }, "options"},
		{"IN8 nine options", func(q *interact.Question) { q.Options = strings.Split("abcdefghi", "") }, "options"},
		{"IN8 an empty option", func(q *interact.Question) { q.Options = []string{"a", " "} }, "options[1]"},
		{"IN8 an option twice", func(q *interact.Question) { q.Options = []string{"a", " a"} }, "options[1]"},
		{"IN8 no right option", func(q *interact.Question) { q.Correct = -1 }, "correct"},
		{"IN8 a right option there is not", func(q *interact.Question) { q.Correct = 2 }, "correct"},
		{"IN8 bars that give it away", func(q *interact.Question) { q.Results = interact.ResultsLive }, "results"},
		{"IN8 results nobody knows", func(q *interact.Question) { q.Results = "later" }, "results"},
		{"IN8 too short", func(q *interact.Question) { q.Window = 2999 * time.Millisecond }, "window"},
		{"IN8 too long", func(q *interact.Question) { q.Window = 10*time.Minute + 1 }, "window"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q := good
			tc.change(&q)
			err := q.WithDefaults().Validate()
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want+":") {
				t.Errorf("err = %v, want %q named", err, tc.want)
			}
		})
	}
	t.Run("IN8 every problem is said at once", func(t *testing.T) {
		err := interact.Question{}.Validate()
		for _, field := range []string{"kind", "results", "window", "title", "options"} {
			if err == nil || !strings.Contains(err.Error(), field+":") {
				t.Errorf("%s is not in %v", field, err)
			}
		}
	})
	t.Run("IN8 defaults", func(t *testing.T) {
		q := good.WithDefaults()
		if q.Title != "How many?" || q.Options[0] != "24" || q.Window != 20*time.Second || q.Results != interact.ResultsReveal {
			t.Errorf("trivia became %+v", q)
		}
		if good.Options[0] != "24 " {
			t.Error("the caller's options were changed")
		}
		q = interact.Question{Kind: interact.KindPoll, Correct: 0}.WithDefaults()
		if q.Correct != -1 || q.Results != interact.ResultsLive {
			t.Errorf("poll became %+v", q)
		}
	})
}

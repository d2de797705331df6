package api_test

import (
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
)

func TestPlaceOfAQuestion(t *testing.T) {
	r := newRig(t)
	w := r.do("POST", "/api/v1/channels/show/cues", `{"kind":"poll","title":"?","options":["a","b"],"policy":"playhead","slot":"lower-third","max_lag_ms":4000}`)
	if q := r.room.asked; w.Code != 201 || q.Policy != "playhead" || q.Slot != "lower-third" || q.MaxLag != 4*time.Second {
		t.Errorf("%d %s: asked %+v", w.Code, w.Body, q)
	}
	for name, tc := range map[string][2]string{
		"a policy that is none":   {`"policy":"never"`, "policy"},
		"a slot that is no name":  {`"slot":"Lower Third"`, "slot"},
		"lag where there is none": {`"max_lag_ms":1000`, "max_lag"},
		"too much lag":            {`"policy":"playhead","max_lag_ms":10001`, "max_lag"},
	} {
		t.Run("IN8 "+name, func(t *testing.T) {
			r := newRig(t)
			r.failed(r.do("POST", "/api/v1/channels/show/cues", `{"kind":"poll","title":"?","options":["a","b"],`+tc[0]+`}`), 400, interact.CodeInvalid, tc[1])
		})
	}
}

func TestChangesOfAQuestion(t *testing.T) {
	r := newRig(t)
	r.do("POST", "/api/v1/channels/show/cues", `{"kind":"poll","title":"?","options":["a","b"],"changes":true}`)
	if !r.room.asked.Changes {
		t.Errorf("asked %+v", r.room.asked)
	}
	r.do("POST", "/api/v1/channels/show/cues", poll)
	if r.room.asked.Changes {
		t.Errorf("asked %+v", r.room.asked)
	}
}

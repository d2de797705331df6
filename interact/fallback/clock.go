package fallback

import (
	"net/http"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

// maxPing is more than a clock ping has.
const maxPing = 64

// clock answers a clock ping. Nothing waits in between: t2 is read right after
// the ping has arrived and t3 right before the reply is written.
func (s *Streams) clock(w http.ResponseWriter, r *http.Request) {
	one := s.session(w, r)
	if one == nil {
		return
	}
	body, ok := s.body(w, r, maxPing)
	if !ok {
		return
	}
	now := time.Now()
	if !one.allowClock(now, s.lim) {
		s.tooMany(w)
		return
	}
	ping, err := wire.ParsePing(body)
	if err != nil {
		s.counted.bad.Add(1)
		refuse(w, http.StatusBadRequest, interact.CodeInvalid, "The body is a clock ping: u8 1, u16 seq, f64 t1.")
		return
	}
	s.counted.clocks.Add(1)
	w.Header().Set("Content-Type", "application/octet-stream")
	room := s.cfg.Clock
	pong := wire.Pong{Ping: ping, Received: room.At(now), ClockEpoch: room.Epoch()}
	pong.Replied = room.At(time.Now())
	_, _ = w.Write(pong.Append(nil)) // a client that left asks again
}

package clock

import "time"

// Local is a reading of a client's own monotonic clock. Its zero is arbitrary;
// only its rate has to be near the nominal one.
type Local = time.Duration

// Exchange is one clock ping and its pong.
type Exchange struct {
	Sent     Local   // t1, when the ping left
	Received Instant // t2, when the server read it, on R
	Replied  Instant // t3, when the server answered, on R
	Returned Local   // t4, when the pong was read
}

// RTT is the time spent on the way there and back, without the server's part.
func (e Exchange) RTT() time.Duration { return e.Returned - e.Sent - e.Replied.Sub(e.Received) }

// Zero is what R showed when the client's clock was at zero, if both ways took
// equally long (CL3). It is off by at most half of RTT.
func (e Exchange) Zero() Instant {
	middle := e.Sent + (e.Returned-e.Sent)/2
	server := e.Received + (e.Replied-e.Received)/2
	return server.Add(-middle)
}

func (e Exchange) estimate() Estimate {
	return Estimate{Zero: e.Zero(), RTT: e.RTT(), Taken: e.Returned}
}

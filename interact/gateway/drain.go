package gateway

import "time"

// comeBackRate is how many viewers a second a node takes in after a restart
// without keeping anybody waiting for its handshake. Clients add full jitter of
// half a second to what they are told, so it need not be exact.
const comeBackRate = 4000

// comeBack is how much later than usual the i-th of all viewers is told to come
// back at a stop, so that they come at comeBackRate: 19,000 of them within 5 s,
// a few at once (GW35).
func comeBack(i int) time.Duration {
	return time.Duration(i) * time.Second / comeBackRate
}

// endWithin is end with a longer wait before the client comes back.
func (c *conn) endWithin(why ending, wait time.Duration) {
	c.mu.Lock()
	c.comeBack = wait
	c.mu.Unlock()
	c.end(why)
}

package gateway

// Cool forgets what was made ready.
func Cool(g *Gateway) {
	g.load.warmth.mu.Lock()
	defer g.load.warmth.mu.Unlock()
	g.load.warmth.until = 0
}

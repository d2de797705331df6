package ingest

import "time"

// Link is what a protocol knows of the way from the publisher. Zero values
// stand for what it does not know.
type Link struct {
	RTT time.Duration
	// Loss is the share of packets that did not arrive at the first try, 0 to 1,
	// over the last seconds; negative when it is not known.
	Loss float64
	// Packets since the session began: lost at the first try, sent again, and
	// those that never came in time.
	Lost, Retransmitted, Dropped uint64
	// Latency is the receiver's buffer as negotiated (SRT).
	Latency time.Duration
	// Encryption is "AES-128", "AES-192", "AES-256", "TLS" or "DTLS-SRTP".
	Encryption string
	// Encoder is what the encoder calls itself, at most 64 printable characters.
	Encoder string
}

// Stats is how a session does. It is a copy.
type Stats struct {
	Link Link
	// Bitrate is bits/s read from the publisher over the last whole second, and
	// Bitrates those of the last ten, oldest first.
	Bitrate  int
	Bitrates []int
	// Idle is how long nothing has been written.
	Idle   time.Duration
	Tracks []TrackStats
	// AVOffset is how much later than pictures of the same time sound arrives;
	// negative when it is earlier. Valid with HasAVOffset.
	AVOffset    time.Duration
	HasAVOffset bool
	// Silent is how long the programme's sound has been digital silence.
	Silent time.Duration
}

// TrackStats are one track's. It is a copy.
type TrackStats struct {
	ID      int
	Codec   string // as people call it
	Frames  uint64
	Bitrate int           // bits/s of its frames over the last seconds
	GOP     time.Duration // between the last two key frames; 0 for sound and while unknown
	// Reorder is by how much pictures wait for others that are shown before
	// them: the delay that B-frames cost.
	Reorder time.Duration
}

// SetLink says where Stats finds out about the way from the publisher. The
// function may be called from any goroutine until the session is closed.
func (s *Session) SetLink(link func() Link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.link = link
}

// Stats returns how the session does. It is safe for concurrent use.
func (s *Session) Stats() Stats {
	s.mu.Lock()
	link := s.link
	s.mu.Unlock()
	st := Stats{Link: Link{Loss: -1}}
	if link != nil {
		st.Link = link()
	}
	return st
}

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
	// Bitrate is bits/s read from the publisher over the last whole second of
	// the session, and Bitrates those of the last ten, oldest first; fewer, or
	// none, while the session is younger.
	Bitrate  int
	Bitrates []int
	// Idle is how long nothing has been written, or since the session was
	// admitted.
	Idle   time.Duration
	Tracks []TrackStats // in the order of Begin or the last Change
	// AVOffset is how much later than pictures of the same DTS sound arrives;
	// negative when it is earlier. For the first track of each kind it compares
	// the means of arrival (Observation.Arrival) less DTS over the last 3 s of
	// media; it is known after 1 s of both, and starts again when timestamps or
	// arrivals leap by 10 s. Valid with HasAVOffset.
	AVOffset    time.Duration
	HasAVOffset bool
	// Silent is how long the programme's sound, the first audio track, has been
	// digital silence, by its timestamps; 0 as soon as there is any sound. It is
	// read from the frames without decoding them: AAC-LC whose channels have no
	// spectrum, Opus of at most 3 bytes or of CELT frames flagged silent.
	Silent time.Duration
}

// TrackStats are one track's. It is a copy.
type TrackStats struct {
	ID      int
	Codec   string // as people call it
	Frames  uint64
	Bitrate int           // bits/s of its frames over the last 4 whole seconds
	GOP     time.Duration // between the last two key frames, by DTS; 0 for sound and while unknown
	// Reorder is the delay that B-frames cost: by how much a key frame's PTS is
	// further from its DTS than that of a picture that waits for nobody.
	Reorder time.Duration
}

// SetLink says where Stats finds out about the way from the publisher. The
// function may be called from any goroutine until Close has returned, and must
// neither call the session nor wait for whoever does; Stats then goes on
// telling what it said last.
func (s *Session) SetLink(link func() Link) {
	s.linkMu.Lock()
	defer s.linkMu.Unlock()
	s.link = link
}

// linkNow asks the protocol.
func (s *Session) linkNow() Link {
	s.linkMu.Lock()
	defer s.linkMu.Unlock()
	if s.link == nil {
		return Link{Loss: -1}
	}
	return s.link()
}

// unlink asks for the last time.
func (s *Session) unlink() {
	last := s.linkNow()
	s.SetLink(func() Link { return last })
}

// Stats returns how the session does. It is safe for concurrent use.
func (s *Session) Stats() Stats {
	st := Stats{Link: s.linkNow(), Idle: s.idle()}
	now := s.age()
	s.healthMu.Lock()
	defer s.healthMu.Unlock()
	s.health.fill(&st, now)
	return st
}

package wire

// Health is a channel at a glance, for producers, once a second.
type Health struct {
	Live bool `json:"live"`
	// Ended says that the event is over and the next one has not begun.
	Ended    bool    `json:"ended,omitempty"`
	Protocol string  `json:"protocol,omitempty"`
	Video    string  `json:"video,omitempty"` // "H.264 1280×720 30 fps"
	Audio    string  `json:"audio,omitempty"` // "AAC 48 kHz stereo"
	Bitrate  int64   `json:"bitrate"`         // bits/s over the last seconds
	GOP      float64 `json:"gop_s"`           // seconds between key frames
	State    string  `json:"timeline"`        // state of the timeline
	PPM      float64 `json:"ppm"`             // encoder clock against R
	Uptime   float64 `json:"uptime_s"`
	Latency  int64   `json:"latency_ms"`

	Encoder  string  `json:"encoder,omitempty"`  // what the encoder calls itself
	Bitrates []int64 `json:"bitrates,omitempty"` // of the last 10 s, oldest first
	// Residual is the p95 distance of clean arrivals from the timeline, Jitter
	// that of all arrivals. Milliseconds.
	Residual float64 `json:"residual_ms"`
	Jitter   float64 `json:"jitter_ms"`
	// AVOffset is how much later sound arrives than pictures of the same time.
	AVOffset *float64 `json:"av_offset_ms,omitempty"`
	Reorder  float64  `json:"reorder_ms,omitempty"` // what B-frames add
	// What the transport knows of the way; absent where it knows nothing.
	RTT         *float64 `json:"rtt_ms,omitempty"`
	Loss        *float64 `json:"loss,omitempty"` // share of packets, 0 to 1
	Retransmits *uint64  `json:"retransmits,omitempty"`
	Dropped     *uint64  `json:"lost_packets,omitempty"`    // never came in time
	LinkLatency int64    `json:"link_latency_ms,omitempty"` // receiver's buffer (SRT)
	Encryption  string   `json:"encryption,omitempty"`
	// Renditions are what viewers can choose from, best first.
	Renditions []HealthRendition `json:"renditions,omitempty"`
	Ladder     *HealthLadder     `json:"ladder,omitempty"` // nil unless the channel has one
	// Advice is what the broadcaster should change, in plain words.
	Advice []string `json:"advice"`
}

// HealthRendition is one quality of the picture, or the sound.
type HealthRendition struct {
	Name    string  `json:"name"` // of its playlist, such as "video2"
	Codec   string  `json:"codec"`
	Width   int     `json:"width,omitempty"`
	Height  int     `json:"height,omitempty"`
	FPS     float64 `json:"fps,omitempty"`
	Bitrate int64   `json:"bitrate"`
	// Derived says that this server made it of the encoder's picture.
	Derived bool `json:"derived,omitempty"`
}

// HealthLadder is how the transcoder does.
type HealthLadder struct {
	State    string  `json:"state"`           // "starting", "running", "waiting" or "missing"
	CPU      float64 `json:"cpu"`             // cores in use, over the last seconds
	Restarts int     `json:"restarts"`        // of this session
	Error    string  `json:"error,omitempty"` // why it does not run
}

// Type returns "health".
func (*Health) Type() string { return "health" }

package cmaf

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"

	"github.com/cuelight/cuelight/sync/clock"
)

// Sample is one coded frame in decoding order.
type Sample struct {
	Duration  uint32 // in units of the track's timescale
	PTSOffset int32  // presentation minus decoding time, same units; may be negative
	Sync      bool   // decoding can start here
	Payload   []byte // of NALUnits or OBUs, one raw AAC access unit, or one Opus packet
}

// Part is the content of one partial segment: one fragment of one track.
type Part struct {
	// First makes this the first part of its segment, which begins with styp.
	First    bool
	Sequence uint32 // of the fragment, rising
	// BaseTime is the decoding time of the first sample (M2).
	BaseTime uint64
	Samples  []*Sample
	// At is the instant at which the first sample is presented, MediaTime.
	At        clock.Instant
	MediaTime uint64
	Events    []Event // metadata whose time is in this part
}

// Marshal returns the bytes of the part. A segment is its parts, one after the
// other (P4).
func (p *Part) Marshal() ([]byte, error) {
	samples := make([]*fmp4.Sample, len(p.Samples))
	size := 0
	for i, s := range p.Samples {
		samples[i] = &fmp4.Sample{
			Duration: s.Duration, PTSOffset: s.PTSOffset,
			IsNonSyncSample: !s.Sync, Payload: s.Payload,
		}
		size += len(s.Payload) + 16
	}
	var buf seekablebuffer.Buffer
	buf.Grow(size + 256)
	frag := fmp4.Part{
		SequenceNumber: p.Sequence,
		Tracks:         []*fmp4.PartTrack{{ID: TrackID, BaseTime: p.BaseTime, Samples: samples}},
	}
	if err := frag.Marshal(&buf); err != nil {
		return nil, fmt.Errorf("write fragment %d: %w", p.Sequence, err)
	}
	out := make([]byte, 0, buf.Len()+64)
	if p.First {
		out = box(out, "styp", brands("msdh", "msdh", "msix", "cmfs")...)
	}
	// moof counts data offsets from itself, so boxes may go before it.
	out = prft(out, TrackID, p.At, p.MediaTime)
	for i := range p.Events {
		out = emsg(out, &p.Events[i])
	}
	return append(out, buf.Bytes()...), nil
}

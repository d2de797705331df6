package ingest

import (
	"math/bits"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// Syntactic elements of an AAC access unit. Spec: ISO/IEC 14496-3 table 4.85.
const (
	elementSCE = 0 // one channel
	elementCPE = 1 // two
	elementLFE = 3 // as SCE
	elementDSE = 4 // data
	elementFIL = 6 // fill, and the extension to HE-AAC
	elementEND = 7
)

// isSilentAAC reports whether every channel of an AAC-LC access unit has no
// spectrum: no scale factor bands at all, or only bands of zeros.
// Spec: ISO/IEC 14496-3 §4.4.2.
func isSilentAAC(config mpeg4audio.AudioSpecificConfig, unit []byte) bool {
	if config.Type != mpeg4audio.ObjectTypeAACLC {
		return false
	}
	r := bitReader{data: unit}
	for channels := false; ; {
		switch r.read(3) {
		case elementSCE, elementLFE:
			r.read(4) // tag
			if !r.silentChannel(nil) {
				return false
			}
			channels = true
		case elementCPE:
			if !r.silentPair() {
				return false
			}
			channels = true
		case elementDSE:
			r.skipData()
		case elementFIL:
			r.skipFill()
		case elementEND:
			return channels && !r.short
		default: // coupling channels, configurations
			return false
		}
		if r.short {
			return false
		}
	}
}

// windows is ics_info.
type windows struct {
	brief  bool // eight short windows
	bands  int  // scale factor bands in use
	groups int
}

// windows reads ics_info and reports false when there is prediction, which
// takes a spectrum from the frames before.
func (r *bitReader) windows() (w windows, ok bool) {
	const eightShort = 2
	r.read(1)
	w.brief = r.read(2) == eightShort
	r.read(1)
	if !w.brief {
		w.bands, w.groups = r.read(6), 1
		return w, r.read(1) == 0
	}
	w.bands = r.read(4)
	w.groups = 8 - bits.OnesCount(uint(r.read(7)))
	return w, true
}

// silentPair reads channel_pair_element after its id.
func (r *bitReader) silentPair() bool {
	const perBand = 1
	r.read(4) // tag
	var common *windows
	if r.read(1) == 1 {
		w, ok := r.windows()
		if !ok {
			return false
		}
		if r.read(2) == perBand {
			r.skip(w.groups * w.bands)
		}
		common = &w
	}
	return r.silentChannel(common) && r.silentChannel(common)
}

// silentChannel reads individual_channel_stream. It ends before the tools that
// work on a spectrum: one without any uses none.
func (r *bitReader) silentChannel(common *windows) bool {
	const pulse, noiseShaping, gain = 1, 1, 1
	r.read(8) // global gain
	var w windows
	if common != nil {
		w = *common
	} else {
		var ok bool
		if w, ok = r.windows(); !ok {
			return false
		}
	}
	for range w.groups {
		if !r.zeros(w) {
			return false
		}
	}
	return r.read(1) != pulse && r.read(1) != noiseShaping && r.read(1) != gain && !r.short
}

// zeros reads section_data of one group, and reports whether all bands are of
// the codebook of zeros.
func (r *bitReader) zeros(w windows) bool {
	width, escape := 5, 31
	if w.brief {
		width, escape = 3, 7
	}
	for band := 0; band < w.bands; {
		const zeroBook = 0
		if r.read(4) != zeroBook || r.short {
			return false
		}
		for more := true; more && !r.short; {
			n := r.read(width)
			band += n
			more = n == escape
		}
	}
	return true
}

func (r *bitReader) skipData() {
	r.read(4) // tag
	align := r.read(1) == 1
	n := r.read(8)
	if n == 255 {
		n += r.read(8)
	}
	if align {
		r.at = (r.at + 7) &^ 7
	}
	r.skip(8 * n)
}

func (r *bitReader) skipFill() {
	n := r.read(4)
	if n == 15 {
		n += r.read(8) - 1
	}
	r.skip(8 * n)
}

// bitReader reads numbers, high bits first. Beyond the end it reads zeros and
// notes it.
type bitReader struct {
	data  []byte
	at    int // bit
	short bool
}

func (r *bitReader) read(n int) (v int) {
	for range n {
		v <<= 1
		if r.at >= 8*len(r.data) {
			r.short = true
			continue
		}
		v |= int(r.data[r.at/8]>>(7-r.at%8)) & 1
		r.at++
	}
	return v
}

func (r *bitReader) skip(n int) {
	r.at += n
	r.short = r.short || r.at > 8*len(r.data)
}

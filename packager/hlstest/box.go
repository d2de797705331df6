package hlstest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/abema/go-mp4"
)

// box is one box of a file: its type and what it contains.
type box struct {
	kind string
	body []byte
	size uint64 // of the whole box
}

// maxBoxes is how many boxes a level of a file may have.
const maxBoxes = 10_000

// splitBoxes takes the boxes of one level apart. Every box has to end within b.
// Spec: ISO/IEC 14496-12 §4.2.
func splitBoxes(b []byte) ([]box, error) {
	var list []box
	for len(b) > 0 {
		if len(b) < 8 {
			return list, fmt.Errorf("%d bytes behind the last box", len(b))
		}
		size, head := uint64(binary.BigEndian.Uint32(b)), uint64(8)
		kind := string(b[4:8])
		switch {
		case size == 1 && len(b) >= 16:
			size, head = binary.BigEndian.Uint64(b[8:]), 16
		case size == 0:
			size = uint64(len(b))
		}
		if size < head || size > uint64(len(b)) {
			return list, fmt.Errorf("box %q of %d bytes in %d", kind, size, len(b))
		}
		if len(list) == maxBoxes {
			return list, fmt.Errorf("more than %d boxes", maxBoxes)
		}
		list = append(list, box{kind, b[head:size], size})
		b = b[size:]
	}
	return list, nil
}

// child returns the first box of that type inside b, following the path.
func child(b []byte, path ...string) ([]byte, bool) {
	for _, kind := range path {
		list, _ := splitBoxes(b)
		found := false
		for _, x := range list {
			if x.kind == kind {
				b, found = x.body, true
				break
			}
		}
		if !found {
			return nil, false
		}
	}
	return b, true
}

// decode reads the content of a box into dst.
func decode(body []byte, dst mp4.IBox) error {
	n, err := mp4.Unmarshal(bytes.NewReader(body), uint64(len(body)), dst, mp4.Context{})
	if err == nil && n != uint64(len(body)) {
		err = fmt.Errorf("%d bytes too many", uint64(len(body))-n)
	}
	if err != nil {
		return fmt.Errorf("box %s: %w", dst.GetType(), err)
	}
	return nil
}

// Init is an init section. Spec: rfc8216bis §3.1.2.
type Init struct {
	Brands   []string // major brand first
	Tracks   []InitTrack
	Extends  bool   // has mvex
	Duration uint64 // of the movie, which is 0 in a fragmented one
	// Faults are what is wrong with the boxes themselves.
	Faults []string
}

// InitTrack is a track of an init section.
type InitTrack struct {
	ID            uint32
	Timescale     uint32
	Handler       string // "vide", "soun"
	Entry         string // type of the sample entry, such as "avc1"
	Width, Height uint16
	Duration      uint64
	External      bool // media is in another file
	Extends       bool // has trex

	defaults mp4.Trex
}

// ParseInit reads an init section. What is wrong with it is in Faults.
func ParseInit(b []byte) *Init {
	s := &Init{}
	list, err := splitBoxes(b)
	s.must(err)
	typed := false
	for _, x := range list {
		switch x.kind {
		case "ftyp":
			typed = true
			s.brands(x.body)
		case "moov":
			if !typed {
				s.fault("moov without ftyp before it")
			}
			s.movie(x.body)
		}
	}
	return s
}

func (s *Init) fault(format string, args ...any) {
	if len(s.Faults) < maxFaults {
		s.Faults = append(s.Faults, fmt.Sprintf(format, args...))
	}
}

func (s *Init) must(err error) {
	if err != nil {
		s.fault("%v", err)
	}
}

func (s *Init) brands(b []byte) {
	if len(b) < 8 || len(b)%4 != 0 {
		s.fault("ftyp of %d bytes", len(b))
		return
	}
	s.Brands = append(s.Brands, string(b[:4]))
	for b = b[8:]; len(b) > 0 && len(s.Brands) < 100; b = b[4:] {
		s.Brands = append(s.Brands, string(b[:4]))
	}
}

func (s *Init) movie(b []byte) {
	list, err := splitBoxes(b)
	s.must(err)
	var trex []mp4.Trex
	for _, x := range list {
		switch x.kind {
		case "mvhd":
			var h mp4.Mvhd
			s.must(decode(x.body, &h))
			s.Duration = h.GetDuration()
		case "trak":
			if len(s.Tracks) == 32 {
				s.fault("more than 32 tracks")
				return
			}
			s.track(x.body)
		case "mvex":
			s.Extends = true
			inner, err := splitBoxes(x.body)
			s.must(err)
			for _, y := range inner {
				if y.kind == "trex" {
					var t mp4.Trex
					s.must(decode(y.body, &t))
					trex = append(trex, t)
				}
			}
		}
	}
	for i := range s.Tracks {
		for _, t := range trex {
			if t.TrackID == s.Tracks[i].ID {
				s.Tracks[i].defaults, s.Tracks[i].Extends = t, true
			}
		}
	}
}

func (s *Init) track(b []byte) {
	var t InitTrack
	get := func(dst mp4.IBox, path ...string) {
		body, ok := child(b, path...)
		if !ok {
			s.fault("trak without %v", path)
			return
		}
		s.must(decode(body, dst))
	}
	var tkhd mp4.Tkhd
	var mdhd mp4.Mdhd
	var hdlr mp4.Hdlr
	get(&tkhd, "tkhd")
	get(&mdhd, "mdia", "mdhd")
	get(&hdlr, "mdia", "hdlr")
	t.ID, t.Duration, t.Timescale = tkhd.TrackID, tkhd.GetDuration()+mdhd.GetDuration(), mdhd.Timescale
	t.Handler = string(hdlr.HandlerType[:])
	if t.Timescale == 0 {
		s.fault("a timescale of 0")
	}
	if refs, ok := child(b, "mdia", "minf", "dinf", "dref"); ok {
		t.External = external(refs)
	}
	if table, ok := child(b, "mdia", "minf", "stbl", "stsd"); ok && len(table) > 8 {
		entries, err := splitBoxes(table[8:])
		s.must(err)
		if len(entries) > 0 {
			t.Entry = entries[0].kind
			if body := entries[0].body; t.Handler == "vide" && len(body) >= 28 {
				t.Width, t.Height = binary.BigEndian.Uint16(body[24:]), binary.BigEndian.Uint16(body[26:])
			}
		}
	} else {
		s.fault("trak without stsd")
	}
	s.Tracks = append(s.Tracks, t)
}

// external reports whether a dref names another file.
func external(dref []byte) bool {
	if len(dref) < 8 {
		return false
	}
	list, _ := splitBoxes(dref[8:])
	for _, x := range list {
		if len(x.body) >= 4 && x.body[3]&1 == 0 {
			return true
		}
	}
	return false
}

func (s *Init) find(id uint32) *InitTrack {
	for i := range s.Tracks {
		if s.Tracks[i].ID == id {
			return &s.Tracks[i]
		}
	}
	return nil
}

var errNotFragmented = errors.New("no moof")

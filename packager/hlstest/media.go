package hlstest

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"github.com/abema/go-mp4"
)

// Container is how a media file is packed.
type Container string

// The containers that are told apart.
const (
	FMP4    Container = "fmp4"
	MPEGTS  Container = "mpegts"
	Unknown Container = "unknown"
)

// Media is what a part or segment contains.
type Media struct {
	Container Container
	Boxes     []string // of the top level, in order
	Runs      []Run    // one for every traf, in order
	Events    []Event  // emsg
	Faults    []string
}

// Run is a traf: samples of one track, one after the other.
type Run struct {
	Track       uint32
	Fragment    int // number of its moof in the file, from 0
	HasBase     bool
	Base        uint64 // tfdt: decoding time of the first sample
	MoofRelated bool   // default-base-is-moof
	Offset      bool   // has base-data-offset
	Samples     []Sample
}

// Sample is one coded frame.
type Sample struct {
	Duration uint32
	Offset   int32 // presentation minus decoding time
	Sync     bool
	Size     uint32
	Sum      uint32 // of its bytes
}

// Event is an emsg. Spec: ISO/IEC 23009-1 §5.10.3.3.
type Event struct {
	Version    uint8
	Scheme     string
	ID         uint32
	Time       uint64
	Timescale  uint32
	Duration   uint32
	Data       []byte
	BehindMoof bool // comes later than the moof that it belongs to
}

// Limits of what one file may contain.
const (
	maxMedia   = 64 << 20
	maxSamples = 100_000
	maxRuns    = 5_000
)

// parseMedia reads a part or a segment. The init section tells the defaults of
// the samples; it may be nil. What is wrong is in Faults.
func parseMedia(b []byte, init *Init) *Media {
	m := &Media{Container: containerOf(b)}
	if m.Container != FMP4 {
		return m
	}
	list, err := splitBoxes(b)
	if err != nil {
		m.fault("%v", err)
	}
	at := uint64(0)
	moof, waits := -1, false
	for _, x := range list {
		m.Boxes = append(m.Boxes, x.kind)
		switch x.kind {
		case "emsg":
			m.event(x.body, waits)
		case "moof":
			moof++
			waits = true
			m.fragment(b, at, x.body, moof, init)
		case "mdat":
			waits = false
		}
		at += x.size
	}
	if moof < 0 {
		m.fault("%v", errNotFragmented)
	}
	return m
}

func (m *Media) fault(format string, args ...any) {
	if len(m.Faults) < maxFaults {
		m.Faults = append(m.Faults, fmt.Sprintf(format, args...))
	}
}

func containerOf(b []byte) Container {
	switch {
	case len(b) >= 8 && isBoxName(b[4:8]):
		return FMP4
	case len(b) >= 188 && b[0] == 0x47 && (len(b) < 189 || b[188] == 0x47):
		return MPEGTS
	default:
		return Unknown
	}
}

func isBoxName(b []byte) bool {
	switch string(b) {
	case "styp", "moof", "prft", "emsg", "sidx", "ftyp", "moov", "mdat", "free", "skip", "uuid", "ssix":
		return true
	}
	return false
}

func (m *Media) event(b []byte, behind bool) {
	if len(m.Events) >= 1000 {
		return
	}
	var e mp4.Emsg
	if err := decode(b, &e); err != nil {
		m.fault("%v", err)
		return
	}
	m.Events = append(m.Events, Event{
		Version: e.Version, Scheme: e.SchemeIdUri, ID: e.Id, Time: e.PresentationTime, Timescale: e.Timescale,
		Duration: e.EventDuration, Data: bytes.Clone(e.MessageData), BehindMoof: behind,
	})
}

func (m *Media) fragment(file []byte, at uint64, moof []byte, number int, init *Init) {
	list, err := splitBoxes(moof)
	if err != nil {
		m.fault("moof: %v", err)
	}
	for _, x := range list {
		if x.kind != "traf" {
			continue
		}
		if len(m.Runs) == maxRuns {
			m.fault("more than %d trafs", maxRuns)
			return
		}
		run, err := readRun(file, at, x.body, init)
		if err != nil {
			m.fault("traf: %v", err)
		}
		run.Fragment = number
		m.Runs = append(m.Runs, run)
	}
}

// traf is a track fragment being read.
type traf struct {
	file  []byte
	moof  uint64 // where the moof begins
	tfhd  mp4.Tfhd
	trex  mp4.Trex
	run   Run
	where uint64 // where the next sample's bytes are
}

func readRun(file []byte, at uint64, body []byte, init *Init) (Run, error) {
	list, err := splitBoxes(body)
	t := &traf{file: file, moof: at}
	for _, x := range list {
		if err != nil {
			break
		}
		switch x.kind {
		case "tfhd":
			err = t.head(x.body, init)
		case "tfdt":
			var d mp4.Tfdt
			err = decode(x.body, &d)
			t.run.HasBase, t.run.Base = true, d.GetBaseMediaDecodeTime()
		case "trun":
			err = t.samples(x.body)
		}
	}
	return t.run, err
}

func (t *traf) head(b []byte, init *Init) error {
	if err := decode(b, &t.tfhd); err != nil {
		return err
	}
	flags := t.tfhd.GetFlags()
	t.run.Track = t.tfhd.TrackID
	t.run.MoofRelated = flags&mp4.TfhdDefaultBaseIsMoof != 0
	t.run.Offset = flags&mp4.TfhdBaseDataOffsetPresent != 0
	if init != nil {
		if track := init.find(t.tfhd.TrackID); track != nil {
			t.trex = track.defaults
		}
	}
	if flags&mp4.TfhdDefaultSampleDurationPresent != 0 {
		t.trex.DefaultSampleDuration = t.tfhd.DefaultSampleDuration
	}
	if flags&mp4.TfhdDefaultSampleSizePresent != 0 {
		t.trex.DefaultSampleSize = t.tfhd.DefaultSampleSize
	}
	if flags&mp4.TfhdDefaultSampleFlagsPresent != 0 {
		t.trex.DefaultSampleFlags = t.tfhd.DefaultSampleFlags
	}
	t.where = t.moof
	if t.run.Offset {
		t.where = t.tfhd.BaseDataOffset
	}
	return nil
}

// nonSync is sample_is_non_sync_sample. Spec: ISO/IEC 14496-12 §8.8.3.1.
const nonSync = 0x10000

func (t *traf) samples(b []byte) error {
	// The count stands behind version and flags; a false one must not cost memory.
	if len(b) < 8 {
		return errors.New("trun too short")
	}
	n := uint64(b[4])<<24 | uint64(b[5])<<16 | uint64(b[6])<<8 | uint64(b[7])
	if n+uint64(len(t.run.Samples)) > maxSamples {
		return fmt.Errorf("%d samples, more than %d", n, maxSamples)
	}
	if b[2]&0x0f != 0 && n > uint64(len(b)) {
		return fmt.Errorf("%d samples in a trun of %d bytes", n, len(b))
	}
	var run mp4.Trun
	if err := decode(b, &run); err != nil {
		return err
	}
	flags := run.GetFlags()
	if flags&1 != 0 { // data-offset-present
		base := t.moof
		if t.run.Offset {
			base = t.tfhd.BaseDataOffset
		}
		t.where = base + uint64(int64(run.DataOffset))
	}
	for i := range n {
		s := Sample{Duration: t.trex.DefaultSampleDuration, Size: t.trex.DefaultSampleSize}
		mark := t.trex.DefaultSampleFlags
		if flags&4 != 0 && i == 0 {
			mark = run.FirstSampleFlags
		}
		if i < uint64(len(run.Entries)) {
			mark = s.entry(&run, &run.Entries[i], flags, mark)
		}
		s.Sync = mark&nonSync == 0
		end := t.where + uint64(s.Size)
		if end < t.where || end > uint64(len(t.file)) {
			return fmt.Errorf("sample %d lies outside the file", i)
		}
		s.Sum = crc32.ChecksumIEEE(t.file[t.where:end])
		t.where = end
		t.run.Samples = append(t.run.Samples, s)
	}
	return nil
}

// entry reads what a trun says of one sample and returns its flags.
func (s *Sample) entry(run *mp4.Trun, e *mp4.TrunEntry, flags, mark uint32) uint32 {
	if flags&0x100 != 0 {
		s.Duration = e.SampleDuration
	}
	if flags&0x200 != 0 {
		s.Size = e.SampleSize
	}
	if flags&0x400 != 0 {
		mark = e.SampleFlags
	}
	if flags&0x800 != 0 {
		s.Offset = e.SampleCompositionTimeOffsetV1
		if run.Version == 0 {
			s.Offset = int32(min(e.SampleCompositionTimeOffsetV0, math.MaxInt32))
		}
	}
	return mark
}

// length is the sum of the run's durations in units of its track.
func (r *Run) length() (n uint64) {
	for i := range r.Samples {
		n += uint64(r.Samples[i].Duration)
	}
	return n
}

// track returns the runs of one track.
func (m *Media) track(id uint32) []Run {
	var list []Run
	for _, r := range m.Runs {
		if r.Track == id {
			list = append(list, r)
		}
	}
	return list
}

// duration is how long the media of a track lasts.
func (m *Media) duration(t *InitTrack) time.Duration {
	var n uint64
	for _, r := range m.track(t.ID) {
		n += r.length()
	}
	return scaled(n, t.Timescale)
}

// shown is the earliest presentation time of a track in the file.
func (m *Media) shown(t *InitTrack) (time.Duration, bool) {
	first, found := int64(math.MaxInt64), false
	for _, r := range m.track(t.ID) {
		at := int64(r.Base)
		for _, s := range r.Samples {
			first, found = min(first, at+int64(s.Offset)), true
			at += int64(s.Duration)
		}
	}
	if !found {
		return 0, false
	}
	return scaledSigned(first, t.Timescale), true
}

// syncs tells whether a sample that decoding can start at is there, and whether
// the first sample of the track is one.
func (m *Media) syncs(id uint32) (any, first bool) {
	begun := false
	for _, r := range m.track(id) {
		for _, s := range r.Samples {
			if !begun {
				first, begun = s.Sync, true
			}
			any = any || s.Sync
		}
	}
	return any, first
}

func scaled(n uint64, scale uint32) time.Duration { return scaledSigned(int64(n), scale) }

func scaledSigned(n int64, scale uint32) time.Duration {
	if scale == 0 {
		return 0
	}
	s := int64(scale)
	return time.Duration(n/s)*time.Second + time.Duration(n%s*int64(time.Second)/s)
}

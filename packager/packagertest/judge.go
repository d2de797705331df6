package packagertest

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
)

// Judge follows one rendition as a player does: it reads every reload, loads
// every part, and holds both against the rules. Errors name the rule.
type Judge struct {
	T testing.TB
	// Fetch returns a file of the channel, nil if it is not there.
	Fetch func(name string) []byte
	// LooseParts relaxes P3 for shows whose timestamps do not allow it.
	LooseParts bool

	last    *Playlist
	seen    map[uint64]Segment // by MSN, as first listed
	parts   map[string]bool    // loaded
	decoded map[uint64]int64   // end of decoding time by discontinuity number
	newest  uint64             // segment of the newest part loaded
	told    map[string]string  // date ranges of every playlist so far, by ID
	merged  []string           // IDs that a client has which reads updates only
	scale   int64
	// Dates and Times are, by MSN, the date of a segment that begins with a key
	// frame, and the presentation time of that frame.
	Dates map[uint64]time.Time
	Times map[uint64]time.Duration
}

// NewJudge returns a judge of one rendition.
func NewJudge(t testing.TB, fetch func(string) []byte) *Judge {
	return &Judge{
		T: t, Fetch: fetch, seen: map[uint64]Segment{}, parts: map[string]bool{}, decoded: map[uint64]int64{},
		told:  map[string]string{},
		Dates: map[uint64]time.Time{}, Times: map[uint64]time.Duration{},
	}
}

func (j *Judge) errorf(format string, args ...any) {
	j.T.Helper()
	j.T.Errorf(format, args...)
}

// Read judges a reload: the full playlist and the delta update of the moment.
func (j *Judge) Read(full, delta string) {
	j.T.Helper()
	p, err := Parse(full)
	if err != nil {
		j.T.Fatalf("%v\n%s", err, full)
	}
	j.head(p)
	j.segments(p)
	j.edge(p)
	j.ranges(p)
	if j.last != nil {
		j.follows(p)
	}
	j.delta(p, delta)
	j.load(p)
	j.last = p
}

func (j *Judge) head(p *Playlist) {
	j.T.Helper()
	if p.Version != 6 {
		j.errorf("C2 version %d in a full playlist", p.Version)
	}
	if p.MediaSequence == 0 {
		j.errorf("C6 media sequence 0")
	}
	get := func(name string) time.Duration { return dur(attr(p.Control, name)) }
	if attr(p.Control, "CAN-BLOCK-RELOAD") != "YES" || get("PART-HOLD-BACK") < 3*p.PartTarget {
		j.errorf("S2 %s with part target %v", p.Control, p.PartTarget)
	}
	if attr(p.Control, "CAN-SKIP-DATERANGES") != "YES" || get("HOLD-BACK") < 3*p.Target || get("CAN-SKIP-UNTIL") < 6*p.Target {
		j.errorf("S3 %s with target duration %v", p.Control, p.Target)
	}
	var total time.Duration
	for _, s := range p.Segments {
		total += s.Duration
	}
	removed := j.last != nil && p.MediaSequence > j.last.MediaSequence
	if total < 3*p.Target && removed {
		j.errorf("C8 the window is %v", total)
	}
}

func (j *Judge) segments(p *Playlist) {
	j.T.Helper()
	for i, s := range p.Segments {
		open := s.URI == ""
		if open && i != len(p.Segments)-1 {
			j.errorf("segment %d is open in the middle", s.MSN)
		}
		if rounded := time.Duration(math.Round(s.Duration.Seconds())) * time.Second; rounded > p.Target {
			j.errorf("C4 EXTINF %v of segment %d, target %v", s.Duration, s.MSN, p.Target)
		}
		if s.Map == "" {
			j.errorf("C10 segment %d has no MAP", s.MSN)
		}
		if s.Date.IsZero() {
			j.errorf("T1 segment %d has no date", s.MSN)
		}
		j.partsOf(p, s, open)
		if i > 0 && !s.Discontinuity {
			before := p.Segments[i-1]
			give := 5 * time.Millisecond
			if before.Gap {
				give = 250 * time.Millisecond // what comes back begins with a key frame nearby
			}
			if step := s.Date.Sub(before.Date) - before.Duration; step.Abs() > give {
				j.errorf("T3 date of segment %d is %v off", s.MSN, step)
			}
		}
	}
}

func (j *Judge) partsOf(p *Playlist, s Segment, open bool) {
	j.T.Helper()
	var sum time.Duration
	for i, part := range s.Parts {
		sum += part.Duration
		if part.Duration > p.PartTarget {
			j.errorf("P2 part %s is %v long, target %v", part.URI, part.Duration, p.PartTarget)
		}
		lastOfSegment := !open && i == len(s.Parts)-1
		// Sound has nothing but independent parts, so the exception is not for it.
		excused := lastOfSegment || part.Gap || i+1 < len(s.Parts) && s.Parts[i+1].Gap || part.Independent && !strings.HasPrefix(part.URI, "audio")
		if part.Duration < p.PartTarget*85/100 && !excused && !j.LooseParts {
			j.errorf("P3 part %s is only %v long", part.URI, part.Duration)
		}
	}
	if s.Gap && sum > s.Duration+50*time.Millisecond {
		j.errorf("G1 parts of gap %d are %v, EXTINF %v", s.MSN, sum, s.Duration)
	}
	if !open && len(s.Parts) > 0 && (sum-s.Duration).Abs() > time.Millisecond {
		j.errorf("P4 parts of segment %d are %v, EXTINF %v", s.MSN, sum, s.Duration)
	}
}

// edge judges what stands after the segments.
func (j *Judge) edge(p *Playlist) {
	j.T.Helper()
	if p.Ended {
		if p.HintPart != "" || p.HintMap != "" {
			j.errorf("P12 a hint after the end")
		}
		return
	}
	last := p.Segments[len(p.Segments)-1]
	want := fmt.Sprintf("-%d.%d.mp4", last.MSN, len(last.Parts))
	if last.URI != "" {
		want = fmt.Sprintf("-%d.0.mp4", last.MSN+1)
	}
	if !strings.HasSuffix(p.HintPart, want) {
		j.errorf("P11 the hint is %q, want …%s", p.HintPart, want)
	}
	j.reports(p)
	var behind time.Duration
	for i := len(p.Segments) - 1; i >= 0 && behind < 3*p.Target; i-- {
		s := p.Segments[i]
		if len(s.Parts) == 0 {
			j.errorf("P8 segment %d, %v from the end, lists no parts", s.MSN, behind)
		}
		behind += max(s.Duration, sumOf(s.Parts))
	}
}

// reports judges what the playlist says of the others.
func (j *Judge) reports(p *Playlist) {
	j.T.Helper()
	told := map[string]bool{}
	for _, r := range p.Reports {
		uri := attr(r, "URI")
		told[uri] = true
		if strings.ContainsAny(uri, "?/") {
			j.errorf("R1 report with the URI %q", uri)
		}
		other, err := Parse(string(j.Fetch(uri)))
		if err != nil {
			j.errorf("R1 report of %s, which cannot be read: %v", uri, err)
			continue
		}
		last := other.Segments[len(other.Segments)-1]
		want := fmt.Sprintf("LAST-MSN=%d,LAST-PART=%d", last.MSN, max(len(last.Parts), 1)-1)
		if !strings.HasSuffix(r, want) {
			j.errorf("R2 report %s, the playlist has %s", r, want)
		}
		part := fmt.Sprintf("%s-%s.%s.mp4", strings.TrimSuffix(uri, ".m3u8"), attr(r, "LAST-MSN"), attr(r, "LAST-PART"))
		if !last.Gap && !lastPartIsGap(last) && j.Fetch(part) == nil {
			j.errorf("R2 the reported part is not there: %s", r)
		}
	}
	index := j.Fetch("index.m3u8")
	if len(index) == 0 {
		return
	}
	m, err := ParseIndex(string(index))
	if err != nil {
		j.T.Fatalf("%v\n%s", err, index)
	}
	for _, uri := range m.Playlists() {
		if own := strings.HasPrefix(p.HintPart, strings.TrimSuffix(uri, ".m3u8")+"-"); own == told[uri] {
			j.errorf("R1 %s reports on %v of %v", p.HintPart, p.Reports, m.Playlists())
		}
	}
}

func lastPartIsGap(s Segment) bool { return len(s.Parts) > 0 && s.Parts[len(s.Parts)-1].Gap }

func sumOf(parts []Part) (d time.Duration) {
	for _, p := range parts {
		d += p.Duration
	}
	return d
}

// follows judges a reload against the one before.
func (j *Judge) follows(p *Playlist) {
	j.T.Helper()
	was := j.last
	if p.Target != was.Target || p.PartTarget != was.PartTarget || p.Control != was.Control {
		j.errorf("C5 P1 targets changed: %v %v %s", p.Target, p.PartTarget, p.Control)
	}
	if p.MediaSequence < was.MediaSequence || p.Discontinuity < was.Discontinuity {
		j.errorf("C6 C9 sequence numbers went back: %d/%d after %d/%d", p.MediaSequence, p.Discontinuity, was.MediaSequence, was.Discontinuity)
	}
	now := map[uint64]Segment{}
	for _, s := range p.Segments {
		now[s.MSN] = s
	}
	for _, old := range was.Segments {
		s, listed := now[old.MSN]
		if !listed {
			if old.MSN >= p.MediaSequence {
				j.errorf("C7 segment %d vanished", old.MSN)
			}
			continue
		}
		j.same(old, s)
	}
	if was.HintPart != "" && !j.gave(p, was) && !j.parts[was.HintPart] && p.HintPart != was.HintPart && j.Fetch(was.HintPart) == nil && !j.afterEnd(was, p) {
		j.errorf("P11 the hinted part %s was never cut", was.HintPart)
	}
}

// gave excuses a hint at what became a gap (G2).
func (j *Judge) gave(p, was *Playlist) bool {
	for _, s := range p.Segments {
		if slices.ContainsFunc(s.Parts, func(part Part) bool { return part.Gap && part.URI == was.HintPart }) {
			return true
		}
		if s.Gap && strings.Contains(was.HintPart, fmt.Sprintf("-%d.", s.MSN)) {
			return true
		}
	}
	return false
}

// afterEnd excuses a hint that was dropped because the session ended.
func (j *Judge) afterEnd(was, p *Playlist) bool {
	last := p.Segments[len(p.Segments)-1]
	return p.Ended || last.URI != "" || last.Discontinuity || was.Segments[len(was.Segments)-1].Domain != last.Domain
}

func (j *Judge) same(old, s Segment) {
	j.T.Helper()
	if old.URI != "" && old.URI != s.URI || old.Discontinuity != s.Discontinuity || old.Domain != s.Domain ||
		old.Map != s.Map || !old.Date.Equal(s.Date) || old.URI != "" && old.Duration != s.Duration {
		j.errorf("C7 segment %d changed from %+v to %+v", s.MSN, old, s)
	}
	if n := min(len(old.Parts), len(s.Parts)); len(s.Parts) > 0 && !reflect.DeepEqual(old.Parts[:n], s.Parts[:n]) {
		j.errorf("C7 parts of segment %d changed from %v to %v", s.MSN, old.Parts, s.Parts)
	}
}

// delta judges a delta update against the full playlist of the same moment.
func (j *Judge) delta(full *Playlist, text string) {
	j.T.Helper()
	d, err := Parse(text)
	if err != nil {
		j.T.Fatalf("delta: %v\n%s", err, text)
	}
	least, most := skippable(full, time.Millisecond), skippable(full, -time.Millisecond)
	if d.Skipped < least || d.Skipped > most {
		j.errorf("D1 %d segments skipped, want %d to %d", d.Skipped, least, most)
	}
	if d.Skipped > 0 && d.Version != 9 || d.Skipped == 0 && d.Version != 6 {
		j.errorf("C2 version %d with %d skipped", d.Version, d.Skipped)
	}
	if d.MediaSequence != full.MediaSequence || d.Discontinuity != full.Discontinuity {
		j.errorf("D2 sequence numbers differ from the full playlist")
	}
	if len(d.Segments)+d.Skipped != len(full.Segments) {
		j.errorf("D3 %d skipped and %d listed, the full playlist has %d", d.Skipped, len(d.Segments), len(full.Segments))
		return
	}
	for i, s := range d.Segments {
		want := full.Segments[d.Skipped+i]
		if s.Map == "" {
			s.Map = want.Map // said in the skipped ones
		}
		s.Domain = want.Domain // the same
		if !reflect.DeepEqual(s, want) {
			j.errorf("D3 segment %d is %+v in the delta update, %+v in the full playlist", want.MSN, s, want)
		}
	}
	if !slices.Equal(d.Ranges, full.Ranges) {
		j.errorf("D2 the delta update has the date ranges %q, the full playlist %q", d.Ranges, full.Ranges)
	}
	if !reflect.DeepEqual(d.Reports, full.Reports) || d.HintPart != full.HintPart || d.HintMap != full.HintMap {
		j.errorf("D2 the end of the delta update differs")
	}
}

// skippable counts the segments that are wholly beyond the skip boundary; give
// allows for the rounding of what is printed.
func skippable(p *Playlist, give time.Duration) int {
	var behind time.Duration
	n := len(p.Segments)
	for n > 0 && !p.Ended && behind < 6*p.Target+give {
		n--
		behind += p.Segments[n].Duration
	}
	if p.Ended {
		return 0
	}
	return n
}

// load reads the media that is new.
func (j *Judge) load(p *Playlist) {
	j.T.Helper()
	for _, s := range p.Segments {
		for i, part := range s.Parts {
			if !j.parts[part.URI] {
				j.parts[part.URI] = true
				j.part(s, part, i == 0)
			}
		}
		if s.URI != "" && j.seen[s.MSN].URI == "" {
			j.seen[s.MSN] = s
			j.segment(s)
		}
	}
}

// segment judges that a segment is its parts (P4).
func (j *Judge) segment(s Segment) {
	j.T.Helper()
	whole := j.Fetch(s.URI)
	if s.Gap {
		if whole != nil {
			j.errorf("G1 segment %d is a gap and can be loaded", s.MSN)
		}
		return
	}
	var joined []byte
	for i := range len(s.Parts) {
		joined = append(joined, j.Fetch(s.Parts[i].URI)...)
	}
	if len(s.Parts) > 0 && !bytes.Equal(whole, joined) {
		j.errorf("P4 segment %d has %d bytes, its parts %d", s.MSN, len(whole), len(joined))
	}
}

func (j *Judge) part(s Segment, part Part, first bool) {
	j.T.Helper()
	data := j.Fetch(part.URI)
	if part.Gap {
		if data != nil {
			j.errorf("C11 part %s is a gap and can be loaded", part.URI)
		}
		j.newest = s.MSN
		return
	}
	if data == nil {
		j.errorf("part %s is listed and not there", part.URI)
		return
	}
	init := j.init(s.Map)
	var frags fmp4.Parts
	if err := frags.Unmarshal(data); err != nil {
		j.errorf("part %s: %v", part.URI, err)
		return
	}
	if len(frags) != 1 || len(frags[0].Tracks) != 1 || len(frags[0].Tracks[0].Samples) == 0 {
		j.errorf("P10 part %s does not hold samples of one track", part.URI)
		return
	}
	track := frags[0].Tracks[0]
	j.scale = int64(init.Tracks[0].TimeScale)
	base, units, key := int64(track.BaseTime), int64(0), false
	shown := int64(math.MaxInt64)
	for _, sample := range track.Samples {
		shown = min(shown, base+units+int64(sample.PTSOffset))
		units += int64(sample.Duration)
		key = key || !sample.IsNonSyncSample
	}
	follows := j.follow(s)
	if end, ok := j.decoded[s.Domain]; ok && (follows && end != base || end > base) {
		j.errorf("M3 part %s begins at %d, the one before ended at %d", part.URI, base, end)
	}
	if first && s.Discontinuity && base != shown {
		j.errorf("M9 part %s is decoded from %d on and shown from %d on", part.URI, base, shown)
	}
	j.decoded[s.Domain] = base + units
	if key != part.Independent {
		j.errorf("P7 M4 part %s: independent %v, holds a key frame: %v", part.URI, part.Independent, key)
	}
	if got := j.time(units); (got - part.Duration).Abs() > time.Millisecond/10 {
		j.errorf("C4 part %s is said to be %v and is %v", part.URI, part.Duration, got)
	}
	if first && !track.Samples[0].IsNonSyncSample { // others are shown out of order
		j.Dates[s.MSN] = s.Date
		j.Times[s.MSN] = j.time(shown)
	}
}

// follow reports whether the first part not loaded yet, which is of s, follows
// the one before without a gap. After a gap it has to hold a key frame.
func (j *Judge) follow(s Segment) bool {
	j.T.Helper()
	was := j.newest
	j.newest = s.MSN
	if was == s.MSN || was+1 == s.MSN && !j.seen[was].Gap {
		return true
	}
	if was > 0 && !s.Parts[0].Independent {
		j.errorf("G3 segment %d comes after a gap and begins without a key frame", s.MSN)
	}
	return false
}

func (j *Judge) init(uri string) *fmp4.Init {
	j.T.Helper()
	data := j.Fetch(uri)
	var init fmp4.Init
	if err := init.Unmarshal(bytes.NewReader(data)); err != nil || len(init.Tracks) != 1 {
		j.T.Fatalf("M1 init section %s: %v", uri, err)
	}
	if !bytes.Contains(data[:32], []byte("iso6")) {
		j.errorf("M1 init section %s has no brand iso6: %q", uri, data[:32])
	}
	return &init
}

func (j *Judge) time(units int64) time.Duration {
	return time.Duration(units/j.scale)*time.Second + time.Duration(units%j.scale)*time.Second/time.Duration(j.scale)
}

// Segments returns how many whole segments were loaded.
func (j *Judge) Segments() int { return len(j.seen) }

// Last returns the playlist that was read last.
func (j *Judge) Last() *Playlist { return j.last }

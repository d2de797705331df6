package packager

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/cuelight/cuelight/packager/m3u8"
	"github.com/cuelight/cuelight/sync/clock"
)

// Cue is something that players show at a media time, as it travels in band:
// in the playlists of every rendition, and inside the media of one.
type Cue struct {
	// ID is the same for all revisions: 1 to 64 letters, digits, "-" and "_".
	ID string
	// Revision counts the changes of the cue from 1.
	Revision int
	// At is the channel media time at which the cue begins: 0 to 2^53 − 1.
	At clock.Ticks
	// Duration is how long it is planned to last: more than 0, at most 24h.
	Duration time.Duration
	// End is the channel media time at which it ended, nil while it is open. Not
	// before At.
	End *clock.Ticks
	// Data is a JSON object of at most 8 KiB with all that players without a
	// connection of their own need. Everybody can read it from now on. Only a
	// cancelled cue may go without.
	Data []byte
	// Cancelled says that the cue is not to be shown.
	Cancelled bool
}

// Limits of cues.
const (
	maxCueID       = 64
	maxCueData     = 8 << 10
	maxCueDuration = 24 * time.Hour
	maxCueAt       = 1<<53 - 1 // what JavaScript counts exactly
	maxRanges      = 256       // in the playlist at once
	maxRangeData   = 256 << 10 // bytes of data in the playlist at once
	maxKnown       = 4096      // cues whose revision is remembered
)

// cueClass is the CLASS of all date ranges that are cues, and the name of the
// events inside the media.
const cueClass = "org.cuelight.cue"

// SetCue announces a cue or a new revision of it. The playlists tell of it from
// the next answer on; nobody who waits for media is woken. A revision that is
// not newer than what is known changes nothing. The channel keeps no reference
// to q.
//
// Errors: what is wrong with the cue, a revision that is known with other
// content, too many cues at once, and ErrEnded after Finish.
func (c *Channel) SetCue(q Cue) error {
	q, err := q.settled()
	if err != nil {
		return fmt.Errorf("set cue: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return ErrEnded
	}
	changed, err := c.cues.set(q)
	if err != nil {
		return fmt.Errorf("set cue %s: %w", q.ID, err)
	}
	if changed {
		c.showCues()
	}
	return nil
}

// settled returns a copy of q that nobody else can change, its data in one
// line, or everything that is wrong with it.
func (q Cue) settled() (Cue, error) {
	var errs []error
	if !isCueID(q.ID) {
		errs = append(errs, fmt.Errorf("id: %q is not 1 to %d letters, digits, - and _", q.ID[:min(len(q.ID), 2*maxCueID)], maxCueID))
	}
	if q.Revision < 1 {
		errs = append(errs, fmt.Errorf("revision: %d is less than 1", q.Revision))
	}
	if q.At < 0 || q.At > maxCueAt {
		errs = append(errs, fmt.Errorf("at: %d ticks is not between 0 and %d", q.At, int64(maxCueAt)))
	}
	if q.Duration <= 0 || q.Duration > maxCueDuration {
		errs = append(errs, fmt.Errorf("duration: %v is not more than nothing and at most %v", q.Duration, maxCueDuration))
	}
	if q.End != nil {
		end := *q.End
		q.End = &end
		if end < q.At || (end-q.At).Duration() > maxCueDuration {
			errs = append(errs, fmt.Errorf("end: %d ticks is before at, %d, or more than %v later", end, q.At, maxCueDuration))
		}
	}
	data, err := cueData(q.Data)
	if err != nil && !(q.Cancelled && len(q.Data) == 0) {
		errs = append(errs, err)
	}
	q.Data = data
	return q, errors.Join(errs...)
}

// cueData returns the JSON object in one line.
func cueData(data []byte) ([]byte, error) {
	if len(data) > maxCueData {
		return nil, fmt.Errorf("data: %d bytes are more than %d", len(data), maxCueData)
	}
	var line bytes.Buffer
	if err := json.Compact(&line, data); err != nil || line.Len() == 0 || line.Bytes()[0] != '{' {
		return nil, errors.New("data: it is no JSON object")
	}
	if !utf8.Valid(line.Bytes()) {
		return nil, errors.New("data: it is not UTF-8")
	}
	return line.Bytes(), nil
}

func isCueID(id string) bool {
	for i := range len(id) {
		switch b := id[i]; {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9', b == '-', b == '_':
		default:
			return false
		}
	}
	return len(id) > 0 && len(id) <= maxCueID
}

// same reports whether two revisions say the same.
func (q *Cue) same(o *Cue) bool {
	ends := (q.End == nil) == (o.End == nil) && (q.End == nil || *q.End == *o.End)
	return ends && q.At == o.At && q.Duration == o.Duration && q.Cancelled == o.Cancelled && bytes.Equal(q.Data, o.Data)
}

// rangeID names what is announced: nothing of it may change under the same name
// (T5).
func (q *Cue) rangeID() string { return "cue-" + q.ID + "-r" + strconv.Itoa(q.Revision) }

// dateRange is what the playlist says of one revision of a cue.
type dateRange struct {
	cue        Cue
	supersedes string // ID of the range before, if there was one
	serial     int    // counts announcements from 1

	// The rest is settled when the first playlist tells of it.
	settled bool
	tag     m3u8.DateRange
	end     clock.Instant // planned, or real
	added   clock.Instant
}

// settle fixes the dates by the channel's mapping of media time.
func (d *dateRange) settle(date func(clock.Ticks) clock.Instant, now clock.Instant) {
	q := &d.cue
	start := date(q.At)
	d.settled, d.added, d.end = true, now, start.Add(q.Duration)
	d.tag = m3u8.DateRange{ID: q.rangeID(), Class: cueClass, Start: start.Time()}
	if q.End != nil {
		d.end = max(date(*q.End), start)
		d.tag.End = d.end.Time()
	} else {
		d.tag.Planned = q.Duration
	}
	if len(q.Data) > 0 {
		d.extra("X-CUELIGHT-CUE", string(q.Data))
	}
	if d.supersedes != "" {
		d.extra("X-CUELIGHT-SUPERSEDES", d.supersedes)
	}
	if q.Cancelled {
		d.extra("X-CUELIGHT-CANCELLED", "YES")
	}
}

func (d *dateRange) extra(name, value string) {
	d.tag.Extra = append(d.tag.Extra, m3u8.Attribute{Name: name, Value: value})
}

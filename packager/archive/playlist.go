package archive

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/m3u8"
)

const (
	typeEvent = "#EXT-X-PLAYLIST-TYPE:EVENT\n"
	typeVOD   = "#EXT-X-PLAYLIST-TYPE:VOD\n"
	endList   = "#EXT-X-ENDLIST\n"
	gapLine   = "#EXT-X-GAP\n"
)

// head is how the media playlist of a recording begins.
func head(target time.Duration, msn, domain uint64) []byte {
	return fmt.Appendf(nil, "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:%d\n%s#EXT-X-MEDIA-SEQUENCE:%d\n#EXT-X-DISCONTINUITY-SEQUENCE:%d\n",
		int(target/time.Second), typeEvent, msn, domain)
}

// lines is what a media playlist says of a segment.
func lines(s m3u8.Segment, cues []string) []byte {
	var text []byte
	for _, c := range cues {
		text = append(append(text, c...), '\n')
	}
	return m3u8.AppendSegments(text, []m3u8.Segment{s})
}

// journal is a media playlist of a recording, taken apart.
type journal struct {
	head    []byte
	entries []line
}

// line is what it says of one segment.
type line struct {
	text     []byte // all its lines
	file     string // of the segment
	init     string // file of the init section that is named here, or empty
	gap      bool
	start    time.Time
	duration time.Duration
}

// parseJournal reads what head and lines wrote. Whatever follows the last whole
// entry is left out: a process was killed while it wrote that.
//
// Errors: a head that is not ours, and entries that no recording of that
// rendition has.
func parseJournal(rendition string, text []byte) (journal, error) {
	var j journal
	if !bytes.HasPrefix(text, []byte("#EXTM3U\n")) {
		return j, errors.New("not a playlist")
	}
	at, from := 0, -1 // from is where the entry begins, negative in the head
	var open line
	for {
		n := bytes.IndexByte(text[at:], '\n')
		if n < 0 {
			break
		}
		row := string(text[at : at+n])
		next := at + n + 1
		if from < 0 && !isHead(row) {
			from = at
			j.head = text[:at:at]
		}
		if from >= 0 {
			if err := open.read(rendition, row); err != nil {
				return j, err
			}
			if open.file != "" {
				open.text = text[from:next:next]
				j.entries = append(j.entries, open)
				open, from = line{}, next
			}
		}
		at = next
	}
	if j.head == nil {
		j.head = text[:at:at]
	}
	return j, nil
}

func isHead(row string) bool {
	for _, tag := range []string{"#EXTM3U", "#EXT-X-VERSION:", "#EXT-X-TARGETDURATION:", "#EXT-X-PLAYLIST-TYPE:",
		"#EXT-X-MEDIA-SEQUENCE:", "#EXT-X-DISCONTINUITY-SEQUENCE:"} {
		if strings.HasPrefix(row, tag) {
			return true
		}
	}
	return false
}

// read takes in one row of the entry.
func (l *line) read(rendition, row string) error {
	tag, value, _ := strings.Cut(row, ":")
	switch tag {
	case "#EXTINF":
		number := strings.TrimSuffix(value, ",")
		seconds, err := strconv.ParseFloat(number, 64)
		if err != nil || !(seconds >= 0 && seconds <= 3600) { // NaN is neither
			return fmt.Errorf("a segment of %q seconds", number)
		}
		l.duration = time.Duration(seconds * float64(time.Second))
	case "#EXT-X-PROGRAM-DATE-TIME":
		at, err := time.Parse(time.RFC3339Nano, value)
		if err != nil {
			return fmt.Errorf("a date that is none: %q", value)
		}
		l.start = at
	case "#EXT-X-MAP":
		file := strings.TrimSuffix(strings.TrimPrefix(value, `URI="`), `"`)
		if !isFile(file, rendition, packager.NameInit) {
			return fmt.Errorf("%q is no init section of %s", file, rendition)
		}
		l.init = file
	case "#EXT-X-GAP":
		l.gap = true
	default:
		if strings.HasPrefix(row, "#") || row == "" {
			return nil
		}
		if !isFile(row, rendition, packager.NameSegment) {
			return fmt.Errorf("%q is no segment of %s", row, rendition)
		}
		l.file = row
	}
	return nil
}

func isFile(file, rendition string, kind packager.NameKind) bool {
	n, ok := packager.ParseName(file)
	return ok && n.Kind == kind && n.Rendition == rendition
}

// vod returns the playlist of a recording that ended.
func (j *journal) vod() []byte {
	text := bytes.Replace(j.head, []byte(typeEvent), []byte(typeVOD), 1)
	for i := range j.entries {
		text = append(text, j.entries[i].text...)
	}
	return append(text, endList...)
}

// miss makes the entry a gap: its file is not there.
func (l *line) miss() {
	if l.gap {
		return
	}
	l.gap = true
	before := len(l.text) - len(l.file) - 1
	l.text = append(append(append(l.text[:before:before], gapLine...), l.file...), '\n')
}

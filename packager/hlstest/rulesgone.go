package hlstest

import (
	"fmt"
	"time"
)

func checkAvailability(l *look) {
	l.stays(true, "segment")
}

func checkPartWindow(l *look) {
	l.not("no part was old enough")
	had := map[*Rendition]map[uint64]bool{}
	for r, p := range l.playlists() {
		if p.Playlist.Ended {
			continue // what has ended has no live edge, and needs no parts
		}
		if had[r] == nil {
			had[r] = map[uint64]bool{}
		}
		l.oldParts(r, p.Playlist, had[r])
	}
	l.stays(false, "part")
}

// stays judges whether files that left the playlist could be loaded as long as
// they have to. A file that is there says something of the rule only at the end
// of that time.
func (l *look) stays(whole bool, kind string) {
	left, must, should := 0, 0, 0
	var longest, watched time.Duration
	for _, r := range l.Renditions {
		for i := range r.Gone {
			if g := &r.Gone[i]; (g.At.Part == WholeSegment) == whole {
				left++
				longest = max(longest, g.Should)
				watched = max(watched, l.Done.Sub(g.Left))
			}
		}
		for i := range r.Later {
			late := &r.Later[i]
			if (late.At.Part == WholeSegment) != whole || late.Status == 0 {
				continue
			}
			if late.Status == 200 {
				must += count(late.MustEnd)
				should += count(late.ShouldEnd)
				continue
			}
			l.lost(late)
		}
	}
	l.result.Checked += must + should
	switch {
	case left == 0:
		l.partly("no " + kind + " left the playlist")
	case must == 0 && should == 0:
		l.partly(fmt.Sprintf("not seen long enough: %d %ss left the playlist, and none was due while it was watched", left, kind))
	case should == 0:
		l.partly(fmt.Sprintf("not seen long enough: players that pause need %ss for %v after they left, and none was watched for longer than %v",
			kind, longest.Round(time.Second), watched.Round(time.Second)))
	}
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// lost notes a file that was gone when it was asked for.
func (l *look) lost(late *Late) {
	saw := fmt.Sprintf("status %d, %v after it was removed", late.Status, late.After.Round(time.Millisecond))
	if late.After <= late.Must {
		l.held()
		l.breaks(late.URL, saw, fmt.Sprintf("200 for %v", late.Must.Round(time.Millisecond)))
	} else if late.After <= late.Should {
		l.held()
		l.breaksAt(Should, late.URL, saw, fmt.Sprintf("200 for %v, as RFC 8216 has it", late.Should.Round(time.Millisecond)))
	}
}

// oldParts finds segments near the end that lost their parts, and parts that
// went before older ones.
func (l *look) oldParts(r *Rendition, p *Playlist, had map[uint64]bool) {
	var behind time.Duration
	lost := uint64(0)
	for i := len(p.Segments) - 1; i >= 0; i-- {
		s := &p.Segments[i]
		switch {
		case len(s.Parts) > 0:
			had[s.MSN] = true
			if lost > 0 {
				l.breaks(where(r, lost), fmt.Sprintf("its parts are gone and those of segment %d are not", s.MSN), "parts removed in their order")
				return
			}
		case had[s.MSN] && !s.Gap:
			lost = s.MSN
		}
		if behind < 3*p.Target && had[s.MSN] {
			l.held()
			if len(s.Parts) == 0 && !s.Gap {
				l.breaksAt(Should, where(r, s.MSN), fmt.Sprintf("its parts are gone %v from the end", behind), fmt.Sprintf("parts up to %v from the end", 3*p.Target))
			}
		}
		behind += s.length()
	}
}

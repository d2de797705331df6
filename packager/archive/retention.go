package archive

import (
	"cmp"
	"slices"
	"time"
)

// Recording is what is known of a recording.
type Recording struct {
	ID    string    // its folder's name: when it began, on R
	Start time.Time // of its first picture
	End   time.Time // of its last
	Bytes int64     // of its media
	Open  bool      // it is being written
}

// Expired chooses the recordings that have to go: those that ended longer than
// keep ago, then the oldest while all together have more than so many bytes.
// Zero is no limit. One that is being written counts and never goes.
func Expired(all []Recording, now time.Time, keep time.Duration, bytes int64) []Recording {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Recording) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID))
	})
	var total int64
	for _, r := range all {
		total += r.Bytes
	}
	var gone []Recording
	for _, r := range all {
		old := keep > 0 && now.Sub(r.End) > keep
		much := bytes > 0 && total > bytes
		if r.Open || !old && !much {
			continue
		}
		gone = append(gone, r)
		total -= r.Bytes
	}
	return gone
}

package archive

import (
	"slices"
	"sync"
)

// index knows the segments of the window that are on disk.
type index struct {
	mu         sync.Mutex // protects what follows
	renditions map[string][]entry
	bytes      int64
}

// entry is one segment.
type entry struct {
	msn  uint64
	size int64
	etag string
}

func newIndex() *index { return &index{renditions: map[string][]entry{}} }

// add takes a segment in. Those of a rendition come in order.
func (x *index) add(rendition string, e entry) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.renditions[rendition] = append(x.renditions[rendition], e)
	x.bytes += e.size
}

func (x *index) find(rendition string, msn uint64) (entry, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	list := x.renditions[rendition]
	i, ok := search(list, msn)
	if !ok {
		return entry{}, false
	}
	return list[i], true
}

func search(list []entry, msn uint64) (int, bool) {
	return slices.BinarySearchFunc(list, msn, func(e entry, msn uint64) int {
		switch {
		case e.msn < msn:
			return -1
		case e.msn > msn:
			return 1
		}
		return 0
	})
}

// forget takes out the rendition's segments before msn and returns them.
func (x *index) forget(rendition string, msn uint64) []entry {
	x.mu.Lock()
	defer x.mu.Unlock()
	list := x.renditions[rendition]
	n, _ := search(list, msn)
	gone := list[:n:n]
	x.renditions[rendition] = list[n:]
	for _, e := range gone {
		x.bytes -= e.size
	}
	return gone
}

// total counts segments and their bytes.
func (x *index) total() (segments int, bytes int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, list := range x.renditions {
		segments += len(list)
	}
	return segments, x.bytes
}

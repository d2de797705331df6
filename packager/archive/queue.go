package archive

import (
	"sync"

	"github.com/cuelight/cuelight/packager"
)

// job is something that the writing goroutine is asked to do: keep a segment,
// forget a rendition's segments before a number, or end the recording.
type job struct {
	segment *packager.Sealed
	lost    bool // the segment's media did not fit into the queue

	rendition string
	before    uint64

	finish bool
}

// maxJobs is how many jobs may wait. Without their media they are small.
const maxJobs = 4096

// queue holds jobs in order. Putting never blocks.
type queue struct {
	limit int           // bytes of media
	wake  chan struct{} // holds one token while there may be jobs

	mu    sync.Mutex // protects what follows
	jobs  []job
	bytes int // of media that waits
}

func newQueue(limit int) *queue { return &queue{limit: limit, wake: make(chan struct{}, 1)} }

// put appends j. A segment for whose media there is no room is queued without
// it. False means that there was no room.
func (q *queue) put(j job) (fits bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.jobs) >= maxJobs && !j.finish {
		return false
	}
	fits = true
	if s := j.segment; s != nil {
		if fits = q.bytes+s.Size <= q.limit; fits {
			q.bytes += s.Size
		} else {
			bare := *s
			bare.Parts = nil
			j.segment, j.lost = &bare, true
		}
	}
	q.jobs = append(q.jobs, j)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return fits
}

// take removes the oldest job.
func (q *queue) take() (job, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.jobs) == 0 {
		return job{}, false
	}
	j := q.jobs[0]
	q.jobs[0] = job{}
	q.jobs = q.jobs[1:]
	return j, true
}

// done frees the room of a job that was taken.
func (q *queue) done(j job) {
	if j.segment == nil || j.lost {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes -= j.segment.Size
}

// waiting counts the bytes of media that wait.
func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}

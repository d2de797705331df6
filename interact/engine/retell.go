package engine

import (
	"encoding/json"
	"fmt"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

// maxTail records at the end of the log are told again by who begins to lead: the
// one before may have written them and told nobody. Nobody leads on who has more
// of them to tell than that (HE5).
const maxTail = 256

// forNodes says whether other nodes have to know of a record.
func forNodes(kind interact.RecordKind) bool {
	switch kind {
	case interact.RecordCue, interact.RecordLatency, interact.RecordBan, interact.RecordTally:
		return true
	}
	return false
}

// tellNodes tells them of what is durable now.
func (r *Room) tellNodes(records []interact.Record) {
	if r.nodes == nil {
		return
	}
	for _, rec := range records {
		if rec.Kind != interact.RecordAnswers {
			r.nodes(rec)
		}
	}
}

// keepTail keeps the last records of a log that is replayed.
func (r *Room) keepTail(rec interact.Record) {
	if r.nodes == nil || !forNodes(rec.Kind) {
		return
	}
	if len(r.tail) >= 2*maxTail {
		r.tail = append(r.tail[:0], r.tail[maxTail:]...)
	}
	r.tail = append(r.tail, rec)
}

// retell tells everybody what the one that led before may not have told: the last
// records, and the cues that are live or were a short time ago, with their counts.
func (r *Room) retell() {
	if r.nodes == nil {
		return
	}
	tail := r.tail[max(0, len(r.tail)-maxTail):]
	r.tail = nil
	last := make(map[string]int) // of the tail's records, by cue
	for i := range tail {
		if tail[i].Kind == interact.RecordCue {
			last[tail[i].Cue] = i
		}
	}
	for _, it := range r.recent {
		r.tellWhole(it, last)
	}
	for _, it := range r.live {
		r.tellWhole(it, last)
	}
	for i, rec := range tail {
		r.retellRecord(rec, last[rec.Cue] == i)
	}
	r.retellCues(last)
}

// tellWhole tells nodes all of a cue of which the tail may hold a part.
func (r *Room) tellWhole(it *item, last map[string]int) {
	if _, ok := last[it.id]; ok {
		return // it follows in its place
	}
	last[it.id] = -1
	r.nodeRevision(it, 0)
}

// retellRecord tells a record of the tail again. Of a cue, the last one is told as
// the whole cue.
func (r *Room) retellRecord(rec interact.Record, latest bool) {
	it := r.items[rec.Cue]
	switch {
	case rec.Kind == interact.RecordLatency || rec.Kind == interact.RecordBan:
		r.nodes(rec)
	case rec.Kind == interact.RecordTally:
		if it != nil {
			r.nodes(rec)
		}
	case !latest:
	case it != nil:
		r.nodeRevision(it, rec.Seq)
	default:
		if rev, err := readRevision(rec.Data); err == nil && rev.Action == actionRemove {
			r.nodes(rec)
			r.out.Broadcast(r.channel.Name, wire.Producers, &wire.Removed{Cue: rec.Cue})
		}
	}
}

// nodeRevision tells nodes a cue as it is, with all that its revisions have said.
func (r *Room) nodeRevision(it *item, seq uint64) {
	rev := revisionOf(*it, actionSnapshot)
	rev.Question, rev.Seal = logged(it.question), it.seal
	data, err := json.Marshal(rev)
	if err != nil {
		r.log.Error("cue not told to nodes", "cue", it.id, "err", fmt.Errorf("pack revision: %w", err))
		return
	}
	r.nodes(interact.Record{Seq: seq, Channel: r.channel.Name, Kind: interact.RecordCue, Cue: it.id, Data: data})
}

// retellCues broadcasts those cues, in the order in which they were prepared, and
// the final counts among theirs. Counts of live ones follow when they are read.
func (r *Room) retellCues(which map[string]int) {
	r.publish()
	for _, id := range r.order {
		it := r.items[id]
		if _, ok := which[id]; !ok {
			continue
		}
		r.broadcast(it)
		if it.shown.Over() && it.polled.logged {
			r.tellFinal(it)
		}
		if o := r.watching(id); o != nil && o.expected == 0 {
			o.expected = r.out.Viewers(r.channel.Name)
		}
	}
}

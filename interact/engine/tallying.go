package engine

import (
	"encoding/json"
	"fmt"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
)

// tallyRecord says in the log that the counting of a cue by Ballots is being
// ended, or what it came to.
type tallyRecord struct {
	Version int `json:"v"`
	// Rev is the revision of the cue whose window is over.
	Rev int `json:"rev"`
	// Final says that the counts are here, and nothing can change them.
	Final  bool     `json:"final,omitempty"`
	Counts []uint64 `json:"counts,omitempty"`
	Total  uint64   `json:"total,omitempty"`
	// Tally is the version of the counts.
	Tally uint64 `json:"ver,omitempty"`
}

const tallyVersion = 1

// readTally reads what a log holds.
func readTally(data []byte) (rec tallyRecord, err error) {
	if err := json.Unmarshal(data, &rec); err != nil {
		return rec, fmt.Errorf("read tally: %w", err)
	}
	switch {
	case rec.Version > tallyVersion:
		return rec, fmt.Errorf("tally of layout %d, this program knows %d: run the newer version", rec.Version, tallyVersion)
	case len(rec.Counts) > interact.MaxOptions:
		return rec, fmt.Errorf("tally of %d options: %d fit", len(rec.Counts), interact.MaxOptions)
	}
	return rec, nil
}

// tally returns the counts of a final record.
func (rec *tallyRecord) tally(cue string) interact.Tally {
	return interact.Tally{Cue: cue, Version: rec.Tally, Counts: rec.Counts, Total: rec.Total, Final: rec.Final}
}

// tallying is a step to the final counts of a cue on its way to the disk.
type tallying struct {
	it    *item
	final bool
}

func (t *tallying) begin(r *Room, _ clock.Instant) (write, error) {
	rec, err := r.recordTally(t.it, t.final)
	if err != nil {
		return write{}, err
	}
	return write{records: []interact.Record{rec}}, nil
}

func (r *Room) recordTally(it *item, final bool) (interact.Record, error) {
	rec := tallyRecord{Version: tallyVersion, Rev: it.cue.Rev}
	if final {
		sum := it.polled.final
		rec.Final, rec.Counts, rec.Total, rec.Tally = true, sum.Counts, sum.Total, sum.Version
	}
	data, err := json.Marshal(rec)
	if err != nil {
		return interact.Record{}, fmt.Errorf("pack tally of cue %s: %w", it.id, err)
	}
	return interact.Record{Channel: r.channel.Name, Kind: interact.RecordTally, Cue: it.id, Data: data}, nil
}

func (t *tallying) end(r *Room, err error) {
	p := &t.it.polled
	switch {
	case err != nil:
	case !t.final:
		p.marked = true
	default:
		p.logged, p.tally = true, p.final
		r.counts.Sealed++
		r.recount(t.it)
		r.log.Info("counts are final", "cue", t.it.id, "answers", p.tally.Total)
		if t.it.shown.Over() { // it was withdrawn: nobody waits for the state
			r.tellFinal(t.it)
		}
	}
}

func (r *Room) replayTally(rec interact.Record) error {
	t, err := readTally(rec.Data)
	if err != nil {
		return err
	}
	it := r.items[rec.Cue]
	if it == nil {
		return nil // let go
	}
	p := &it.polled
	p.marked = true
	if t.Final {
		p.final = t.tally(rec.Cue)
		p.tally, p.sealed, p.logged = p.final, true, true
	}
	return nil
}

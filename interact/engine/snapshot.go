package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

const (
	// longReplay is how many records a start may read until it makes a snapshot
	// for the next one.
	longReplay = 10_000
	// compactRetry is how long after a snapshot that could not be written, or
	// that did not make the log shorter, another is tried.
	compactRetry = time.Minute
	// compactLead is how far off the next cue on air has to be.
	compactLead = 15 * time.Second
	// ownersAtOnce of links are in one record.
	ownersAtOnce = 2048
)

// compaction knows how long the log has become since its last snapshot.
type compaction struct {
	maxRecords int
	maxBytes   int64

	records int // since the snapshot
	bytes   int64
	total   int    // records in the log
	last    uint64 // number of the last one, 0 if the store does not tell
	long    bool   // it took long to read
	from    clock.Instant

	busy   *shortening // on its way to the disk, nil if none is
	begun  chan write
	landed chan error
}

// shortening is a snapshot on its way to the disk: what it stands for, and how
// many records it has.
type shortening struct {
	records int
	bytes   int64
	total   int
	left    int
}

func newCompaction(cfg Config) compaction {
	return compaction{
		maxRecords: cfg.CompactRecords, maxBytes: cfg.CompactBytes,
		begun: make(chan write, 1), landed: make(chan error, 1),
	}
}

// due says that a snapshot is wanted.
func (c *compaction) due() bool {
	return c.last != 0 && c.busy == nil && (c.long || c.records > c.maxRecords || c.bytes > c.maxBytes)
}

// wrote notes what has become durable.
func (c *compaction) wrote(w write) {
	c.records += len(w.records)
	c.total += len(w.records)
	for i := range w.records {
		c.bytes += int64(len(w.records[i].Data))
		c.last = max(c.last, w.records[i].Seq)
	}
}

func (c *compaction) replayed(rec interact.Record) {
	c.wrote(write{records: []interact.Record{rec}})
}

// snapshot is the first record of a log that was compacted, and what follows it
// but for receipts, links and L, which are kept as they were first written. Each
// record has one of the parts.
type snapshot struct {
	Version int `json:"v"`

	Head *head       `json:"head,omitempty"`
	Bans []banRecord `json:"bans,omitempty"`
	// Cue is a cue as it was, Sum its counts if its receipts are forgotten.
	Cue *revision     `json:"cue,omitempty"`
	Sum *interact.Sum `json:"sum,omitempty"`
}

// head is what a room knew besides its cues.
type head struct {
	// Records and Bytes are those of the whole snapshot, the head apart.
	Records int   `json:"records"`
	Bytes   int64 `json:"bytes"`
	// Alive is the last sign of life before it, by the clock's Epoch.
	Alive clock.Instant `json:"alive_us"`
	Epoch uint32        `json:"epoch"`
	Keys  []usedKey     `json:"keys,omitempty"`
}

// usedKey is an idempotency key.
type usedKey struct {
	Key    string `json:"key"`
	ID     string `json:"id"`
	Action action `json:"action"`
}

const snapshotVersion = 1

// actionSnapshot is what a revision in a snapshot came by.
const actionSnapshot action = "snapshot"

// shorten begins to put a snapshot in the place of the log, if the log is long
// and no cue is on air. Nothing else may be on its way to the disk: the room is
// then what the log says. Later writes do not wait for it.
func (r *Room) shorten(now clock.Instant) {
	c := &r.compact
	if !c.due() || now < c.from || r.onAir(now) {
		return
	}
	c.from = now.Add(compactRetry)
	records, err := r.snapshot(now)
	switch {
	case err != nil:
		r.log.Error("log cannot be compacted", "err", err)
		return
	case len(records) >= c.total:
		c.long = false // it is as short as it gets
		return
	}
	c.busy = &shortening{records: c.records, bytes: c.bytes, total: c.total, left: len(records)}
	c.begun <- write{records: records, upTo: c.last}
}

// onAir says whether a cue is, or will be soon.
func (r *Room) onAir(now clock.Instant) bool {
	return slices.ContainsFunc(r.live, func(it *item) bool {
		return it.cue.State(now) != cue.Scheduled || it.cue.Arm.Sub(now) < compactLead
	})
}

// shortenLog waits for the disk, so that neither run nor commit has to.
func (r *Room) shortenLog(ctx context.Context) {
	for w := range r.compact.begun {
		r.compact.landed <- r.store.Replace(ctx, r.channel.Name, w.upTo, w.records)
	}
}

// shortened takes in what the disk has done.
func (r *Room) shortened(err error) {
	c := &r.compact
	s := c.busy
	c.busy = nil
	if err != nil {
		r.counts.CommitErrors++
		r.log.Error("log cannot be compacted", "err", err)
		r.doubt(err)
		return
	}
	c.records, c.bytes, c.total, c.long = c.records-s.records, c.bytes-s.bytes, c.total-s.total+s.left, false
	r.counts.Compactions++
	r.log.Info("log compacted", "from", s.total, "to", s.left)
}

func size(records []interact.Record) (bytes int64) {
	for i := range records {
		bytes += int64(len(records[i].Data))
	}
	return bytes
}

// snapshot returns records that replay to what the room is.
func (r *Room) snapshot(now clock.Instant) ([]interact.Record, error) {
	records := make([]interact.Record, 1, 1+2*len(r.order))
	for _, id := range r.order {
		it := r.items[id]
		rec, err := r.snapshotCue(it)
		if err != nil {
			return nil, err
		}
		records = append(records, rec)
		if it.sheet != nil || r.ledger.Held(id) > 0 {
			records = r.snapshotAnswers(records, id)
		}
		if it.polled.logged {
			rec, err := r.recordTally(it, true)
			if err != nil {
				return nil, err
			}
			records = append(records, rec)
		}
	}
	records, err := r.snapshotRest(records)
	if err != nil {
		return nil, err
	}
	records[0], err = r.pack(interact.RecordSnapshot, snapshot{Version: snapshotVersion, Head: r.headOf(now, records[1:])})
	return records, err
}

func (r *Room) headOf(now clock.Instant, records []interact.Record) *head {
	h := &head{Records: len(records), Bytes: size(records), Alive: now, Epoch: r.clock.Epoch()}
	for _, key := range r.keys.oldest {
		u := r.keys.used[key]
		h.Keys = append(h.Keys, usedKey{key, u.id, u.action})
	}
	return h
}

func (r *Room) pack(kind interact.RecordKind, v any) (interact.Record, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return interact.Record{}, fmt.Errorf("pack snapshot: %w", err)
	}
	return interact.Record{Channel: r.channel.Name, Kind: kind, Data: data}, nil
}

func (r *Room) snapshotCue(it *item) (interact.Record, error) {
	rev := revisionOf(*it, actionSnapshot)
	rev.Question, rev.Seal = logged(it.question), it.seal
	s := snapshot{Version: snapshotVersion, Cue: &rev}
	if sum, forgotten := r.ledger.Sheet(it.id).Sum(); forgotten && !it.polled.logged {
		s.Sum = &sum
	}
	rec, err := r.pack(interact.RecordSnapshot, s)
	rec.Cue = it.id
	return rec, err
}

func (r *Room) snapshotAnswers(records []interact.Record, id string) []interact.Record {
	var entries []interact.Entry
	flush := func() {
		if len(entries) > 0 {
			data := interact.AppendBatch(nil, entries)
			records = append(records, interact.Record{Channel: r.channel.Name, Kind: interact.RecordAnswers, Cue: id, Data: data})
		}
		entries = entries[:0]
	}
	for e := range r.ledger.Sheet(id).Entries() {
		if entries = append(entries, e); len(entries) == interact.MaxBatch {
			flush()
		}
	}
	flush()
	return records
}

// snapshotRest adds bans, and what is written as it was first: links, and L.
func (r *Room) snapshotRest(records []interact.Record) ([]interact.Record, error) {
	rec := linkRecord{Version: linkVersion}
	flush := func() error {
		one, err := r.pack(interact.RecordLink, rec)
		records, rec.Owners = append(records, one), nil
		return err
	}
	for id, owner := range r.door.links {
		if rec.Owners = append(rec.Owners, [2]string{id, owner}); len(rec.Owners) == ownersAtOnce {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	if len(rec.Owners) > 0 {
		if err := flush(); err != nil {
			return nil, err
		}
	}
	if len(r.door.bans) > 0 {
		s := snapshot{Version: snapshotVersion}
		for _, ban := range r.door.list(0) {
			s.Bans = append(s.Bans, recordOf(ban))
		}
		one, err := r.pack(interact.RecordSnapshot, s)
		if err != nil {
			return nil, err
		}
		records = append(records, one)
	}
	one, err := r.pack(interact.RecordLatency, latencyRecord{
		Version: latencyVersion, Latency: r.Latency().Milliseconds(), Configured: r.channel.Latency.Milliseconds(),
		At: r.target.at, Changes: r.target.changes,
	})
	return append(records, one), err
}

// replaySnapshot takes over one record of a snapshot.
func (r *Room) replaySnapshot(rec interact.Record) error {
	var s snapshot
	if err := json.Unmarshal(rec.Data, &s); err != nil {
		return fmt.Errorf("read snapshot: %w", err)
	}
	switch {
	case s.Version > snapshotVersion:
		return fmt.Errorf("snapshot of layout %d, this program knows %d: run the newer version", s.Version, snapshotVersion)
	case s.Head != nil:
		r.replayHead(s.Head, int64(len(rec.Data)))
	case len(s.Bans) > 0:
		for _, b := range s.Bans {
			r.door.put(b.ban(), b.Lifted)
		}
	case s.Cue != nil && s.Cue.ID != "" && s.Cue.ID == rec.Cue:
		return r.replayCue(&s)
	default:
		return fmt.Errorf("snapshot of cue %.40q holds neither it nor anything else", rec.Cue)
	}
	return nil
}

func (r *Room) replayHead(h *head, size int64) {
	// What belongs to the snapshot does not make the log longer than it.
	r.compact.records -= h.Records + 1
	r.compact.bytes -= h.Bytes + size
	r.alive, r.epoch = h.Alive, h.Epoch
	for _, k := range h.Keys {
		r.keys.add(k.Key, use{k.ID, k.Action})
	}
}

func (r *Room) replayCue(s *snapshot) error {
	rev := s.Cue
	if err := rev.validate(); err != nil {
		return err
	}
	r.install(rev.apply(nil), actionSnapshot, "")
	if s.Sum != nil {
		r.ledger.Sheet(rev.ID).Restore(*s.Sum)
	}
	return nil
}

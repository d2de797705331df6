package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
)

// leadRecord says in the log that another node leads from here on.
type leadRecord struct {
	Version int           `json:"v"`
	At      clock.Instant `json:"at_us"`
	Epoch   uint32        `json:"epoch"` // of the room clock
}

const leadVersion = 1

// lead writes with the fence of this engine, if it leads among others: whatever
// the one before still tries to write is refused from here on, and what it has
// written is about to be read.
func (r *Room) lead(ctx context.Context) error {
	if r.ballots == nil {
		return nil
	}
	records, err := r.recordLead()
	if err != nil {
		return err
	}
	if err := r.store.Append(ctx, records); err != nil {
		return fmt.Errorf("take the lead: %w", err)
	}
	return nil
}

func (r *Room) recordLead() ([]interact.Record, error) {
	data, err := json.Marshal(leadRecord{leadVersion, r.now(), r.clock.Epoch()})
	if err != nil {
		return nil, fmt.Errorf("pack lead: %w", err)
	}
	return []interact.Record{{Channel: r.channel.Name, Kind: interact.RecordLead, Data: data}}, nil
}

// leading writes that the room leads, although it has led before: a write that
// failed has had no effect at the latest when the next one is done, and who reads
// the log meanwhile should not see it for long.
type leading struct{}

func (leading) begin(r *Room, _ clock.Instant) (write, error) {
	records, err := r.recordLead()
	return write{records: records}, err
}

func (leading) end(*Room, error) {}

func (r *Room) replayLead(data []byte) error {
	var rec leadRecord
	if err := json.Unmarshal(data, &rec); err != nil {
		return fmt.Errorf("read lead: %w", err)
	}
	if rec.Version > leadVersion {
		return fmt.Errorf("lead of layout %d, this program knows %d: run the newer version", rec.Version, leadVersion)
	}
	return nil
}

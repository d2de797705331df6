package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
)

// Limits of who is kept out, and of who came in by a link.
const (
	// MaxBans is how many participants a channel can keep out at a time.
	MaxBans = 1000
	// maxReason is the longest reason of a ban, in bytes.
	maxReason = 200
	// maxLinks owners of one-time links are remembered by a channel.
	maxLinks = 200_000
)

// door knows who may not come in, and who came in by which one-time link. Only
// the room's goroutine changes it, so that one reads without the lock.
type door struct {
	mu    sync.RWMutex            // protects bans and links
	bans  map[string]interact.Ban // by participant
	links map[string]string       // owners, by the links' ids
}

func newDoor() door {
	return door{bans: make(map[string]interact.Ban), links: make(map[string]string)}
}

// banned says whether a participant is kept out at now.
func (d *door) banned(participant string, now clock.Instant) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.bars(participant, now)
}

// bars is banned for the room's goroutine.
func (d *door) bars(participant string, now clock.Instant) bool {
	if len(d.bans) == 0 {
		return false
	}
	ban, ok := d.bans[participant]
	return ok && ban.Holds(now)
}

// put makes a ban, or lifts it.
func (d *door) put(ban interact.Ban, lifted bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if lifted {
		delete(d.bans, ban.Participant)
	} else {
		d.bans[ban.Participant] = ban
	}
}

// sweep forgets bans that are over.
func (d *door) sweep(now clock.Instant) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for participant, ban := range d.bans {
		if !ban.Holds(now) {
			delete(d.bans, participant)
		}
	}
}

// list returns the bans in force, the newest first.
func (d *door) list(now clock.Instant) []interact.Ban {
	d.mu.RLock()
	defer d.mu.RUnlock()
	out := make([]interact.Ban, 0, len(d.bans))
	for _, ban := range d.bans {
		if ban.Holds(now) {
			out = append(out, ban)
		}
	}
	slices.SortFunc(out, func(a, b interact.Ban) int {
		return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(a.Participant, b.Participant))
	})
	return out
}

// banRecord is a ban, or the end of one, in the log.
type banRecord struct {
	Version     int           `json:"v"`
	Participant string        `json:"participant"`
	At          clock.Instant `json:"at_us"`
	Until       clock.Instant `json:"until_us,omitempty"`
	Reason      string        `json:"reason,omitempty"`
	Lifted      bool          `json:"lifted,omitempty"`
	By          string        `json:"by,omitempty"` // who gave the command, empty in a snapshot
}

const banVersion = 1

func recordOf(ban interact.Ban) banRecord {
	return banRecord{Version: banVersion, Participant: ban.Participant, At: ban.At, Until: ban.Until, Reason: ban.Reason}
}

func (rec banRecord) ban() interact.Ban {
	return interact.Ban{Participant: rec.Participant, At: rec.At, Until: rec.Until, Reason: rec.Reason}
}

// Ban keeps a participant out of the channel until an instant on R, for good if
// it is zero: it cannot join, and its answers do not count. What it has
// answered before stays counted. It is durable when Ban returns. Sockets that
// are open are the gateway's to close.
//
// Errors: *interact.Error with CodeInvalid, CodeConflict if MaxBans are in
// force, CodeUnavailable; ctx's.
func (r *Room) Ban(ctx context.Context, participant string, until clock.Instant, reason string) error {
	switch {
	case participant == "" || len(participant) > interact.MaxParticipant:
		return interact.Errorf(interact.CodeInvalid, "A participant's name is 1 to %d bytes long.", interact.MaxParticipant)
	case len(reason) > maxReason || !utf8.ValidString(reason):
		return interact.Errorf(interact.CodeInvalid, "A reason is at most %d bytes of text.", maxReason)
	}
	_, err := r.do(ctx, &edit{job: &barring{record: banRecord{Version: banVersion, Participant: participant, Until: until, Reason: reason, By: interact.ActorOf(ctx)}}})
	return err
}

// Unban lets a participant in again. One who is not banned stays so.
//
// Errors: as Ban.
func (r *Room) Unban(ctx context.Context, participant string) error {
	_, err := r.do(ctx, &edit{job: &barring{record: banRecord{Version: banVersion, Participant: participant, Lifted: true, By: interact.ActorOf(ctx)}}})
	return err
}

// Bans returns the bans in force, the newest first. The caller owns the slice.
//
// Errors: none; it is there for stores that have to be asked.
func (r *Room) Bans(context.Context) ([]interact.Ban, error) { return r.door.list(r.now()), nil }

// barring is a ban on its way through the room, or the end of one.
type barring struct{ record banRecord }

func (b *barring) begin(r *Room, now clock.Instant) (write, error) {
	rec := &b.record
	rec.At = now
	_, there := r.door.bans[rec.Participant]
	switch {
	case rec.Lifted && !there:
		return write{}, nil
	case rec.Lifted:
	case rec.Until != 0 && rec.Until <= now:
		return write{}, interact.Errorf(interact.CodeInvalid, "This ban would be over already.")
	case !there && len(r.door.bans) >= MaxBans:
		if r.door.sweep(now); len(r.door.bans) >= MaxBans {
			return write{}, interact.Errorf(interact.CodeConflict, "%d participants are banned: lift some bans first, or ask for a PIN or an account.", MaxBans)
		}
	}
	data, err := json.Marshal(rec)
	if err != nil {
		return write{}, fmt.Errorf("pack ban: %w", err)
	}
	return write{records: []interact.Record{{Channel: r.channel.Name, Kind: interact.RecordBan, Data: data}}}, nil
}

func (b *barring) end(r *Room, err error) {
	if err != nil {
		return
	}
	r.door.put(b.record.ban(), b.record.Lifted)
	r.log.Info("ban changed", "viewer", b.record.Participant, "lifted", b.record.Lifted)
}

func (r *Room) replayBan(data []byte) error {
	var rec banRecord
	if err := json.Unmarshal(data, &rec); err != nil {
		return fmt.Errorf("read ban: %w", err)
	}
	if rec.Version > banVersion {
		return fmt.Errorf("ban of layout %d, this program knows %d: run the newer version", rec.Version, banVersion)
	}
	r.door.put(rec.ban(), rec.Lifted)
	return nil
}

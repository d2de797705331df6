package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
)

const (
	// maxClaims may wait for the room; claimsAtOnce go to the disk together.
	maxClaims    = 16_384
	claimsAtOnce = 2048
	// maxLinkID is the longest id of a one-time link, in bytes.
	maxLinkID = 64
)

// claim is somebody's wish to own a one-time link.
type claim struct {
	id, participant string
	reply           chan claimed // holds one
}

type claimed struct {
	owner string
	err   error
}

// linkRecord says in the log who owns one-time links.
type linkRecord struct {
	Version int         `json:"v"`
	Owners  [][2]string `json:"owners"` // id, participant
}

const linkVersion = 1

// UseLink makes a participant the owner of a one-time link, unless it has one,
// and returns the owner. It is durable when UseLink returns.
//
// Errors: *interact.Error with CodeInvalid, CodeConflict if the channel
// remembers no more links, CodeBusy, CodeUnavailable; ctx's.
func (r *Room) UseLink(ctx context.Context, id, participant string) (owner string, err error) {
	switch {
	case id == "" || len(id) > maxLinkID:
		return "", interact.Errorf(interact.CodeInvalid, "This link is not one of ours.")
	case participant == "" || len(participant) > interact.MaxParticipant:
		return "", interact.Errorf(interact.CodeInvalid, "A participant's name is 1 to %d bytes long.", interact.MaxParticipant)
	}
	r.door.mu.RLock()
	owner, ok := r.door.links[id]
	r.door.mu.RUnlock()
	if ok {
		return owner, nil
	}
	c := claim{id, participant, make(chan claimed, 1)}
	switch r.claims.push(&c) {
	case refusedFull:
		return "", interact.Errorf(interact.CodeBusy, "Many people are coming in at once. Please try again in a moment.")
	case refusedClosed:
		return "", errStopped()
	}
	select {
	case out := <-c.reply:
		return out.owner, out.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// claiming are claims on their way to the disk together.
type claiming struct {
	claims []claim
	owners map[string]string // that are new
}

// claiming returns the command that settles the claims which wait.
func (r *Room) claiming() *edit {
	waiting, _ := r.claims.swap(nil)
	for i := claimsAtOnce; i < len(waiting); i++ {
		if r.claims.push(&waiting[i]) != admitted {
			waiting[i].reply <- claimed{err: errStopped()}
		}
	}
	return &edit{job: &claiming{claims: waiting[:min(len(waiting), claimsAtOnce)]}, reply: make(chan edited, 1)}
}

func (c *claiming) begin(r *Room, _ clock.Instant) (write, error) {
	c.owners = make(map[string]string)
	rec := linkRecord{Version: linkVersion}
	for _, one := range c.claims {
		_, owned := r.door.links[one.id]
		if _, again := c.owners[one.id]; owned || again || len(r.door.links)+len(c.owners) >= maxLinks {
			continue
		}
		c.owners[one.id] = one.participant
		rec.Owners = append(rec.Owners, [2]string{one.id, one.participant})
	}
	if len(rec.Owners) == 0 {
		c.end(r, nil)
		return write{}, nil
	}
	data, err := json.Marshal(rec)
	if err != nil {
		return write{}, fmt.Errorf("pack links: %w", err)
	}
	return write{records: []interact.Record{{Channel: r.channel.Name, Kind: interact.RecordLink, Data: data}}}, nil
}

func (c *claiming) end(r *Room, err error) {
	if err == nil {
		r.door.own(c.owners)
	}
	for _, one := range c.claims {
		owner, ok := r.door.links[one.id]
		switch {
		case err != nil:
			one.reply <- claimed{err: errNotSaved()}
		case !ok:
			one.reply <- claimed{err: interact.Errorf(interact.CodeConflict, "This channel remembers no more links.")}
		default:
			one.reply <- claimed{owner: owner}
		}
	}
}

// own notes owners of links.
func (d *door) own(owners map[string]string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, owner := range owners {
		d.links[id] = owner
	}
}

// turnAway refuses the claims that came too late.
func (r *Room) turnAway() {
	waiting, _ := r.claims.swap(nil)
	for _, c := range waiting {
		c.reply <- claimed{err: errStopped()}
	}
}

func (r *Room) replayLinks(data []byte) error {
	var rec linkRecord
	if err := json.Unmarshal(data, &rec); err != nil {
		return fmt.Errorf("read links: %w", err)
	}
	if rec.Version > linkVersion {
		return fmt.Errorf("links of layout %d, this program knows %d: run the newer version", rec.Version, linkVersion)
	}
	for _, o := range rec.Owners {
		if _, owned := r.door.links[o[0]]; !owned { // the first one is
			r.door.own(map[string]string{o[0]: o[1]})
		}
	}
	return nil
}

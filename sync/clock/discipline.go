package clock

import "time"

// How a follower keeps up with its leader (CL16, CL17).
const (
	// Burst is how many answers a follower waits for before it sets its clock.
	Burst = 8
	// SyncedError is how far off the leader a clock in step may be.
	SyncedError = 5 * time.Millisecond
	// BrokenError is an error that no drift explains: the machine was paused.
	BrokenError = 50 * time.Millisecond
	// brokenTimes in a row it has to be seen.
	brokenTimes = 3
	// correctOver is how long a correction takes if MaxSlew allows. Answers come
	// every second, so that half of an error is corrected before the next.
	correctOver = 2 * time.Second
)

// Answer is one exchange of a follower with its leader.
type Answer struct {
	// Sent and Returned are time.Now readings of the follower.
	Sent, Returned time.Time
	// Received and Replied are on the leader's R, Epoch is that clock's.
	Received, Replied Instant
	Epoch             uint32
}

// Discipline keeps a node's R in step with its leader's. It is fed with answers
// to clock pings, about one a second, and steers the Room.
//
// It belongs to one goroutine.
type Discipline struct {
	room *Room
	own  uint32 // the Room's epoch as this Discipline knows it

	// scale is the local time of the exchanges: the machine's clock at the
	// leader's rate as far as that is known, so that old exchanges stay good.
	scale  leg
	filter Filter
	start  time.Time // zero of the machine's clock for drift
	drift  drift

	lead    Lead
	adopted uint32 // the leader's epoch that R was last set to
	fresh   int    // answers of the leader's epoch since the filter was reset
	broken  int    // answers in a row that say that R is BrokenError off
}

// NewDiscipline makes room follow a leader from now on.
func NewDiscipline(room *Room, now time.Time) *Discipline {
	return &Discipline{room: room, own: room.Epoch(), scale: leg{from: now}, start: now}
}

// Settling says that answers are wanted soon: it knows too little to set R by.
func (d *Discipline) Settling() bool { return d.fresh < Burst }

// Lose counts a ping that was not answered.
func (d *Discipline) Lose() { d.lead.Lost++ }

// Lead is how R follows at now.
func (d *Discipline) Lead(now time.Time) Lead {
	l := d.lead
	best, ok := d.filter.Best(d.local(now))
	if !ok {
		return l
	}
	l.Dispersion = best.Dispersion(d.local(now))
	l.Synced = l.Followed && d.own == d.room.Epoch() && !d.Settling() &&
		best.Synced(d.local(now)) && l.Error.Abs() <= SyncedError
	return l
}

// Turn says that the next answers are another node's, who leads now. What was
// measured of the one before is dropped, but not how fast its clock runs; R goes
// on, and is slewed to the new leader's when that is known (CL20).
func (d *Discipline) Turn(now time.Time) { d.forget(now) }

// TakeOver says that this node leads from now on: R is the room's, in its epoch,
// as it runs (CL20).
func (d *Discipline) TakeOver(now time.Time) {
	d.own = d.room.Epoch()
	d.forget(now)
	d.lead.Followed, d.lead.Epoch, d.adopted = true, d.own, d.own
	d.lead.Error = 0
}

// Add takes an answer in and steers R at now, which is not before the answer
// returned. While live says that somebody watches, R is set only where the
// leader's own clock was set anew (CL16). It returns false for an answer that
// cannot be.
func (d *Discipline) Add(a Answer, now time.Time, live bool) bool {
	d.notice(a.Epoch, now)
	e := Exchange{
		Sent: d.local(a.Sent), Received: a.Received, Replied: a.Replied, Returned: d.local(a.Returned),
	}
	if !d.filter.Add(e) {
		return false
	}
	d.lead.Answers++
	d.fresh++
	e.Sent, e.Returned = a.Sent.Sub(d.start), a.Returned.Sub(d.start)
	if rate, known := d.drift.add(e.estimate()); known {
		rate = max(-MaxSteady, min(MaxSteady, rate))
		d.scale = leg{from: now, reads: d.scale.at(now), rate: rate}
		d.lead.Steady = rate
	}
	best, ok := d.filter.Best(d.local(now))
	if !ok || d.Settling() {
		return true
	}
	truth := best.At(d.local(now))
	d.lead.Error = d.room.At(now).Sub(truth)
	d.follow(best.Dispersion(d.local(now)), truth, now, live)
	return true
}

// follow brings R to the truth, which is known to the given dispersion.
func (d *Discipline) follow(dispersion time.Duration, truth Instant, now time.Time, live bool) {
	off := d.lead.Error.Abs()
	if off > BrokenError && off > 2*dispersion {
		d.broken++
	} else {
		d.broken = 0
	}
	switch first := !d.lead.Followed; {
	case first && live:
		return // viewers hold the R that this node has: it stays until they are gone
	case first || d.lead.Epoch != d.adopted:
		d.lead.Followed, d.adopted = true, d.lead.Epoch
		d.set(now, truth, d.lead.Epoch)
	case d.broken >= brokenTimes && !live:
		d.set(now, truth, NextEpoch(d.own, now))
	default:
		d.room.Steer(now, -d.lead.Error, d.scale.rate, correctOver)
	}
}

func (d *Discipline) set(now time.Time, to Instant, epoch uint32) {
	d.room.Step(now, to, epoch)
	d.room.Steer(now, 0, d.scale.rate, 0)
	d.own, d.broken, d.lead.Error = epoch, 0, 0
}

func (d *Discipline) local(t time.Time) Local { return Local(d.scale.at(t)) }

// notice drops what is known of another clock: R was set by somebody else, who
// saw the machine asleep, or the leader has a new R (CL2).
func (d *Discipline) notice(leader uint32, now time.Time) {
	if epoch := d.room.Epoch(); epoch != d.own {
		d.own = epoch
		d.forget(now)
	}
	if leader == d.lead.Epoch {
		return
	}
	d.lead.Epoch = leader
	d.forget(now)
}

func (d *Discipline) forget(now time.Time) {
	d.filter.Reset()
	d.drift = drift{}
	d.scale = leg{from: now, rate: d.scale.rate}
	d.fresh, d.broken = 0, 0
}

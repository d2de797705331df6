package engine

import (
	"context"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// cast are answers to one cue on their way into Ballots together. Votes, waiting
// and outcomes are of one length.
type cast struct {
	votes    []interact.Vote
	waiting  []pending
	outcomes []interact.Outcome
	twins    []twin    // the same answers, sent again while these wait
	places   []uint16  // by hash of participant, vote + 1; a power of two of them
	first    time.Time // when the one that has waited longest came
}

// twin is an answer that is told what becomes of another one.
type twin struct {
	pending
	of      int           // the vote
	refused interact.Code // with which it is refused if that does not count
}

// leastPlaces is how many places a cast begins with.
const leastPlaces = 64

// add lets a vote wait.
func (c *cast) add(p *pending, v *interact.Vote, came time.Time) {
	if len(c.votes) == 0 || came.Before(c.first) {
		c.first = came
	}
	c.votes, c.waiting = append(c.votes, *v), append(c.waiting, *p)
	if v.Refused != "" {
		return // what comes again may count
	}
	if 2*len(c.votes) > len(c.places) {
		c.spread()
	}
	c.place(len(c.votes) - 1)
}

// spread makes room for more places.
func (c *cast) spread() {
	c.places = make([]uint16, max(2*len(c.places), leastPlaces))
	for i := range len(c.votes) - 1 {
		if c.votes[i].Refused == "" {
			c.place(i)
		}
	}
}

func (c *cast) place(i int) {
	mask := uint32(len(c.places) - 1)
	at := uint32(c.waiting[i].hash) & mask
	for c.places[at] != 0 {
		at = (at + 1) & mask
	}
	c.places[at] = uint16(i + 1)
}

// find returns the vote that p repeats, -1 if none of c is: any of its participant
// that may count, or where answers may be changed, that of the same attempt.
func (c *cast) find(p *pending, attempt uint64) int {
	if len(c.places) == 0 {
		return -1
	}
	mask := uint32(len(c.places) - 1)
	for at := uint32(p.hash) & mask; c.places[at] != 0; at = (at + 1) & mask {
		i := int(c.places[at]) - 1
		if c.waiting[i].hash == p.hash && c.votes[i].Attempt == attempt && c.votes[i].Participant == p.answer.Participant {
			return i
		}
	}
	return -1
}

// empty makes c ready for other answers.
func (c *cast) empty() {
	clear(c.votes)
	clear(c.waiting)
	clear(c.outcomes)
	clear(c.twins)
	clear(c.places)
	c.votes, c.waiting, c.outcomes, c.twins = c.votes[:0], c.waiting[:0], c.outcomes[:0], c.twins[:0]
}

// expect makes room for what becomes of the votes.
func (c *cast) expect() {
	if cap(c.outcomes) < len(c.votes) {
		c.outcomes = make([]interact.Outcome, len(c.votes), max(len(c.votes), 2*cap(c.outcomes)))
	}
	c.outcomes = c.outcomes[:len(c.votes)]
	clear(c.outcomes)
}

// doubt says of all votes that nobody knows whether they count.
func (c *cast) doubt() {
	c.expect()
	for i := range c.outcomes {
		c.outcomes[i] = interact.Outcome{Code: interact.CodeUnavailable}
	}
}

// unknown is of how many votes nobody knows whether they count.
func (c *cast) unknown() int {
	n := 0
	for i := range c.outcomes {
		if c.outcomes[i].Code == interact.CodeUnavailable {
			n++
		}
	}
	return n
}

// cast gives Ballots what was gathered. It is not cut off by a stop: nobody could
// tell whether it took place.
func (r *Replica) cast(poll interact.Poll, c *cast, patience time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c.expect()
	began := time.Now()
	err := r.cfg.Ballots.Cast(ctx, poll, c.votes, c.outcomes)
	r.counts.cast(len(c.votes), time.Since(began))
	if err != nil {
		r.complain(err)
		c.doubt()
	}
}

// settle tells everybody in c, but for those that were moved elsewhere, and lets
// go of it.
func (r *Replica) settle(c *cast) {
	var counted, retried uint64
	told := int64(len(c.twins))
	for i := range c.waiting {
		p, o := &c.waiting[i], &c.outcomes[i]
		if p.to == nil {
			continue
		}
		told++
		switch r.tell(p, o); {
		case o.Fresh:
			counted++
		case o.Code == "":
			retried++
		}
	}
	for i := range c.twins {
		t := &c.twins[i]
		o := c.outcomes[t.of]
		if o.Code != "" && o.Code != interact.CodeUnavailable && t.refused != "" {
			o.Code = t.refused
		}
		if r.tell(&t.pending, &o); o.Code == "" {
			retried++
		}
	}
	r.counts.counted.Add(counted)
	r.counts.retried.Add(retried)
	r.waiting.Add(-told)
	c.empty()
	r.casts.Put(c)
}

// tell tells what became of an answer.
func (r *Replica) tell(p *pending, o *interact.Outcome) {
	if o.Code != "" {
		r.refuse(p, o.Code)
		return
	}
	r.confirm(p, o.Mark)
}

// confirm tells that m stands for an answer.
func (r *Replica) confirm(p *pending, m interact.Mark) {
	a := &p.answer
	p.to.Settle(interact.Receipt{
		ID: a.ID, Cue: a.Cue, Participant: a.Participant, Choice: m.Choice.Indices(), Seq: uint64(m.Seq),
		Credited: m.Credited, Level: r.level, Changes: int(m.Changes),
	}, nil)
}

func (r *Replica) refuse(p *pending, code interact.Code) {
	r.counts.refuse(code)
	p.refuse(code)
}

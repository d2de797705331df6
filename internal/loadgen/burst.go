package loadgen

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

const (
	senders = 2
	// lookEvery is how often it is looked who has waited long enough.
	lookEvery = 50 * time.Millisecond
	// afterClose is how long after C a reply may come.
	afterClose = 3 * time.Second
)

// shed counts a refusal. The viewer's lock is held.
func (c *crowd) shed(code string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.codes[code]++
}

// answer has viewers answer a cue and waits until all fates are known, or it is
// too late for them.
func (c *crowd) answer(ctx context.Context, o *answering) (*answered, error) {
	room, err := c.room(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.codes = make(map[string]int)
	c.mu.Unlock()
	left := c.left.Load()
	voters, err := c.ballots(o, room)
	if err != nil {
		return nil, err
	}
	if !pause(ctx, time.Until(c.clock.when(room, o.Cue.Open).Add(opening))) {
		return nil, ctx.Err()
	}
	used := cpuTime()
	var sending sync.WaitGroup
	sending.Go(func() { c.send(ctx, voters) })
	c.settle(ctx, voters, c.clock.when(room, o.Cue.Close).Add(afterClose))
	sending.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a := c.count(voters, o.Cue.Choices)
	a.Left, a.CPU = int(c.left.Load()-left), (cpuTime() - used).Microseconds()
	return a, nil
}

// ballots prepares the answers of those who will, in order of time.
func (c *crowd) ballots(o *answering, room clock.Estimate) ([]*viewer, error) {
	r := rand.New(rand.NewPCG(c.assigned.Seed, uint64(o.Cue.Open)))
	opens := c.clock.when(room, o.Cue.Open)
	dispersion := room.Dispersion(c.clock.local(time.Now())).Microseconds()
	spread := time.Duration(o.Cue.Spread) * time.Millisecond
	var voters []*viewer
	for _, v := range c.viewers {
		v.mu.Lock()
		v.ballot = nil
		if r.Float64() < o.Share {
			after := o.Timing.After(r)
			b := &ballot{answer: wire.Answer{
				ID: answerID(v.number, o.Cue.ID), Cue: o.Cue.ID, Rev: o.Cue.Rev, Choice: []int{r.IntN(max(o.Cue.Choices, 1))},
				At: o.Cue.Open.Add(after), Dispersion: dispersion,
			}}
			b.due = opens.Add(after + interact.SendDelay(o.Cue.ID, v.participant, spread))
			data, err := c.codec.Encode(&b.answer)
			if err != nil {
				v.mu.Unlock()
				return nil, err
			}
			b.frame = appendFrame(nil, c.opcode(), r.Uint32(), data)
			v.ballot = b
			voters = append(voters, v)
		}
		v.mu.Unlock()
	}
	slices.SortStableFunc(voters, func(a, b *viewer) int { return a.ballot.due.Compare(b.ballot.due) })
	return voters, nil
}

// send sends every answer when it is due.
func (c *crowd) send(ctx context.Context, voters []*viewer) {
	var work sync.WaitGroup
	for k := range senders {
		work.Go(func() {
			for i := k; i < len(voters); i += senders {
				v := voters[i]
				if wait := time.Until(v.ballot.due); wait > time.Millisecond && !pause(ctx, wait) {
					return
				}
				v.sendBallot(time.Now())
			}
		})
	}
	work.Wait()
}

// settle waits for replies, and sends again what was sent and has none, while
// others are still to be sent.
func (c *crowd) settle(ctx context.Context, voters []*viewer, deadline time.Time) {
	waiting := slices.Clone(voters)
	for now := time.Now(); now.Before(deadline) && ctx.Err() == nil; now = time.Now() {
		waiting = slices.DeleteFunc(waiting, func(v *viewer) bool {
			v.mu.Lock()
			b := v.ballot
			over, due := b.settled(), b.begun && now.After(b.again)
			v.mu.Unlock()
			if !over && due {
				v.sendBallot(now)
			}
			return over
		})
		if len(waiting) == 0 || !pause(ctx, lookEvery) {
			return
		}
	}
}

// count sums up what became of the answers.
func (c *crowd) count(voters []*viewer, choices int) *answered {
	a := &answered{Counts: make([]uint64, choices), Refused: make(map[string]int)}
	for _, v := range voters {
		v.mu.Lock()
		b, told := *v.ballot, v.knows(v.ballot.answer.Cue)
		v.mu.Unlock()
		if b.first.IsZero() {
			if told {
				a.Lost++ // it had no connection all the time
			} else {
				a.Untold++
			}
			continue
		}
		a.Sent++
		a.Retries += b.tries - 1
		a.Behind = append(a.Behind, max(0, b.first.Sub(b.due).Microseconds()))
		if first := b.first.UnixNano(); a.First == 0 || first < a.First {
			a.First = first
		}
		a.LastSent = max(a.LastSent, b.first.UnixNano())
		if b.settled() {
			a.Last = max(a.Last, b.replied.UnixNano())
		}
		switch {
		case b.receipt != nil:
			a.Receipts++
			a.Waits = append(a.Waits, b.replied.Sub(b.first).Microseconds())
			a.Counts[b.answer.Choice[0]]++
			a.Seqs = append(a.Seqs, b.receipt.Seq)
		case !b.final && b.code == "":
			a.Lost++
		case !b.final:
			a.Unserved++
		}
	}
	c.mu.Lock()
	a.Refused = c.codes
	c.codes = make(map[string]int)
	c.mu.Unlock()
	return a
}

// audit holds what everybody heard against what anybody heard: what did not
// come was replaced by something newer, which did.
func (c *crowd) audit() (skipped int) {
	for _, v := range c.viewers {
		v.mu.Lock()
		gaps := v.gaps
		v.gaps = nil
		v.mu.Unlock()
		for _, g := range gaps {
			skipped += int(g.next - g.first)
			if !c.memo.replaced(g.first, g.next) {
				c.differ("viewer %d never got message %d of the channel's log, or nothing newer in its place", v.number, g.first)
			}
		}
	}
	return skipped
}

package capacity

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Outcome is what became of a simulated burst.
type Outcome struct {
	Answers, Receipts int
	// P50, P99 and Max are from sending to the receipt, beside the viewer's line.
	P50, P99, Max time.Duration
	// Drain is from the last answer to the last receipt.
	Drain time.Duration
	// Gateway and Redis are how busy the busiest of each was in its busiest
	// second, 1 being all it has.
	Gateway, Redis float64
	Batches        int
}

// Reaction draws how long after the opening a viewer answers.
type Reaction func(r *rand.Rand) time.Duration

// People answer as measured ones do: three of four within the busiest second.
func People(r *rand.Rand) time.Duration {
	const median, sigma, quickest = 900 * time.Millisecond, 0.5, 250 * time.Millisecond
	return max(quickest, time.Duration(float64(median)*math.Exp(sigma*r.NormFloat64())))
}

// Simulate runs the plan's busiest burst, without its spare gateways: answers
// come to gateways, wait for a core, are gathered into a batch for each shard,
// wait for their Redis, and for a core again. Each queue is first come first
// served.
func (p Plan) Simulate(react Reaction, seed uint64) Outcome {
	s := newBurst(p)
	r := rand.New(rand.NewPCG(seed, uint64(p.Viewers)))
	voters := int(float64(p.Viewers) * Share)
	for i := range voters {
		s.push(event{at: react(r), kind: arrives, process: r.IntN(len(s.processes)), vote: int32(i)})
		s.shard[i] = uint8(r.IntN(p.Target.Shards))
	}
	for s.events.Len() > 0 {
		s.handle(heap.Pop(&s.events).(event))
	}
	return s.outcome()
}

type kind uint8

const (
	arrives  kind = iota // at its gateway
	judged               // ready to be handed on
	gathered             // a batch's time is up
	counted              // Redis has replied to a batch
	receipts             // a receipt is written
)

type event struct {
	at      time.Duration
	seq     uint64 // of two at the same time the first pushed comes first
	kind    kind
	process int
	shard   int
	vote    int32
	votes   []int32
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	*e = (*e)[:last]
	return x
}

// burst is a simulation that runs.
type burst struct {
	plan      Plan
	events    events
	pushed    uint64
	processes []*station // a gateway process each, with a core of its own
	redis     []*station
	waiting   [][][]int32 // votes of each process for each shard
	timed     [][]bool    // the shard's batch has its time set
	sent      []time.Duration
	shard     []uint8
	took      []time.Duration
	last      time.Duration // answer
	end       time.Duration // receipt
	batches   int
}

// station serves one after another.
type station struct {
	free time.Duration
	used map[int64]time.Duration // in each second
}

// serve returns when what comes at a moment and takes so long is done.
func (s *station) serve(at, takes time.Duration) time.Duration {
	start := max(at, s.free)
	s.free = start + takes
	s.used[int64(start/time.Second)] += takes
	return s.free
}

func (s *station) busiest() float64 {
	var most time.Duration
	for _, d := range s.used {
		most = max(most, d)
	}
	return most.Seconds()
}

func stations(n int) []*station {
	all := make([]*station, n)
	for i := range all {
		all[i] = &station{used: make(map[int64]time.Duration)}
	}
	return all
}

func newBurst(p Plan) *burst {
	machines := max(1, p.Gateways-p.spare())
	// A process uses as many cores as its machine has for each process.
	cores := machines * p.Target.Cores
	voters := int(float64(p.Viewers) * Share)
	s := &burst{plan: p, processes: stations(cores), redis: stations(p.Redis), sent: make([]time.Duration, voters), shard: make([]uint8, voters)}
	for range cores {
		s.waiting = append(s.waiting, make([][]int32, p.Target.Shards))
		s.timed = append(s.timed, make([]bool, p.Target.Shards))
	}
	return s
}

func (s *burst) push(e event) {
	s.pushed++
	e.seq = s.pushed
	heap.Push(&s.events, e)
}

func (s *burst) handle(e event) {
	f := s.plan.Figures
	switch e.kind {
	case arrives:
		s.sent[e.vote], s.last = e.at, max(s.last, e.at)
		e.at, e.kind = s.processes[e.process].serve(e.at, f.Before), judged
		s.push(e)
	case judged:
		s.gather(e)
	case gathered:
		s.cast(e)
	case counted:
		for _, v := range e.votes {
			done := s.processes[e.process].serve(e.at, f.Receipt)
			s.push(event{at: done, kind: receipts, vote: v})
		}
	case receipts:
		s.took = append(s.took, e.at-s.sent[e.vote])
		s.end = max(s.end, e.at)
	}
}

func (s *burst) gather(e event) {
	shard := int(s.shard[e.vote])
	s.waiting[e.process][shard] = append(s.waiting[e.process][shard], e.vote)
	if !s.timed[e.process][shard] {
		s.timed[e.process][shard] = true
		s.push(event{at: e.at + s.plan.Figures.Gather, kind: gathered, process: e.process, shard: shard})
	}
}

func (s *burst) cast(e event) {
	f := s.plan.Figures
	votes := s.waiting[e.process][e.shard]
	s.waiting[e.process][e.shard], s.timed[e.process][e.shard] = nil, false
	s.batches++
	redis := s.redis[e.shard%len(s.redis)]
	done := redis.serve(e.at+f.Network/2, f.Call+time.Duration(len(votes))*f.Vote)
	s.push(event{at: done + f.Sync + f.Network/2, kind: counted, process: e.process, votes: votes})
}

func (s *burst) outcome() Outcome {
	o := Outcome{Answers: len(s.sent), Receipts: len(s.took), Drain: s.end - s.last, Batches: s.batches}
	if len(s.took) == 0 {
		return o
	}
	slices.Sort(s.took)
	at := func(q float64) time.Duration { return s.took[int(q*float64(len(s.took)-1))] }
	o.P50, o.P99, o.Max = at(0.5), at(0.99), s.took[len(s.took)-1]
	for _, g := range s.processes {
		o.Gateway = max(o.Gateway, g.busiest())
	}
	for _, r := range s.redis {
		o.Redis = max(o.Redis, r.busiest())
	}
	return o
}

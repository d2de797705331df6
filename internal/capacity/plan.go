package capacity

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Target is what a plan has to hold.
type Target struct {
	// Receipt is how long after it was sent 99 of 100 answers have theirs, beside
	// the viewer's own line.
	Receipt time.Duration
	// Busy is how much of a core may be used in the busiest second.
	Busy float64
	// Shards is over how many parts a cue's answers are spread.
	Shards int
	// Cores is how many each gateway's machine has.
	Cores int
	// Spare is how many gateways may fail without a viewer being turned away.
	Spare int
}

// DefaultTarget is what docs/capacity.md plans for.
var DefaultTarget = Target{Receipt: 50 * time.Millisecond, Busy: 0.5, Shards: 16, Cores: 4, Spare: 1}

// Plan is what an audience takes.
type Plan struct {
	Viewers int
	// Answers come in the busiest second.
	Answers int
	// Work are the cores that gateways are busy with then.
	Work float64
	// Gateways are machines, with Processes each and Sockets in each process.
	Gateways, Processes, Sockets int
	// Redis are primaries, each with a core; RedisWork is how much of one core the
	// answers take.
	Redis     int
	RedisWork float64
	// Memory is of one gateway machine, RedisMemory of all primaries for one cue.
	// Units: bytes.
	Memory, RedisMemory int
	// Down and Up are what viewers' sockets take in the busiest second, without
	// the picture. Units: bit/s.
	Down, Up float64
	Target   Target
	Figures  Figures
}

// Make plans for an audience.
//
// Errors: figures or a target of which nothing follows.
func Make(viewers int, f Figures, t Target) (Plan, error) {
	if viewers < 1 || f.Process < 1 || t.Cores < 1 || t.Shards < 1 || t.Busy <= 0 || t.Busy > 1 || f.Before <= 0 || f.Receipt <= 0 {
		return Plan{}, errors.New("capacity: viewers, figures and target have to be more than nothing")
	}
	p := Plan{Viewers: viewers, Target: t, Figures: f}
	p.Answers = int(math.Ceil(float64(viewers) * Share * Peak))
	p.Work = float64(p.Answers) * (f.Before + f.Receipt).Seconds()
	bySockets := ceil(float64(viewers) / float64(f.Process*t.Cores))
	byWork := ceil(p.Work / (t.Busy * float64(t.Cores)))
	p.Gateways = max(1, bySockets, byWork)
	if p.Gateways > 1 || viewers > f.Process {
		p.Gateways += t.Spare
	}
	perMachine := ceil(float64(viewers) / float64(max(1, p.Gateways-t.Spare)))
	p.Processes = max(1, min(t.Cores, ceil(float64(perMachine)/float64(f.Process))))
	p.Sockets = ceil(float64(perMachine) / float64(p.Processes))
	p.Memory = perMachine * f.Idle
	p.RedisWork = float64(p.Answers)*f.Vote.Seconds() + p.calls()*f.Call.Seconds()
	p.Redis = max(1, ceil(p.RedisWork/t.Busy))
	p.RedisMemory = int(float64(viewers) * Share * float64(f.Kept))
	p.Up = float64(p.Answers*f.Reply*8) / 2
	p.Down = p.Up + float64(viewers)*(float64(f.Cue)+float64(f.Pings)/60)*8
	return p, nil
}

// calls are how many batches reach Redis in the busiest second, at most: one of
// each process, each gathering time.
func (p Plan) calls() float64 {
	batches := float64(p.Gateways*max(1, p.Processes)) / p.Figures.Gather.Seconds() * float64(p.Target.Shards)
	return math.Min(batches, float64(p.Answers))
}

func ceil(x float64) int { return int(math.Ceil(x - 1e-9)) }

// Arithmetic says, a line each, how the plan follows from its figures.
func (p Plan) Arithmetic() []string {
	f, t := p.Figures, p.Target
	return []string{
		fmt.Sprintf("answers in the busiest second: %d viewers × %.2f × %.2f = %d", p.Viewers, Share, Peak, p.Answers),
		fmt.Sprintf("gateways' work: %d × %.1f µs = %.2f cores; at most %.0f %% busy, %d cores a machine, %d sockets a process: %d machines, of which %d spare",
			p.Answers, (f.Before+f.Receipt).Seconds()*1e6, p.Work, 100*t.Busy, t.Cores, f.Process, p.Gateways, p.spare()),
		fmt.Sprintf("Redis' work: %d votes × %.2f µs + %.0f calls × %.1f µs = %.2f cores; at most %.0f %% busy: %d primaries",
			p.Answers, f.Vote.Seconds()*1e6, p.calls(), f.Call.Seconds()*1e6, p.RedisWork, 100*t.Busy, p.Redis),
		fmt.Sprintf("memory: %d sockets × %.1f KB = %.2f GB a gateway; %.0f answers × %d B = %.2f GB in Redis for a cue",
			p.Sockets*p.Processes, float64(f.Idle)/1024, float64(p.Memory)/1e9, float64(p.Viewers)*Share, f.Kept, float64(p.RedisMemory)/1e9),
		fmt.Sprintf("viewers' sockets: %.2f Gbit/s down and %.3f up in the busiest second", p.Down/1e9, p.Up/1e9),
	}
}

func (p Plan) spare() int {
	if p.Gateways > 1 {
		return p.Target.Spare
	}
	return 0
}

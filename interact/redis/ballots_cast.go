package redis

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/cuelight/cuelight/interact"
)

// perCall is the largest number of votes in one function call, so that no call
// holds up a server for much longer than a millisecond.
const perCall = 512

// cast is the room in which a batch of votes is put into function calls. It is
// used again for other batches.
type cast struct {
	shards  []uint16 // of each vote
	counts  []int    // votes of each shard, then where they begin in order
	order   []int32  // votes by shard, in their order
	places  []int32  // by hash of participant, vote + 1; a power of two of them
	again   []bool   // shards in which a participant comes more than once
	bytes   []byte
	values  []string // of each vote
	attempt []string
	calls   []*call
	parts   []part
	touch   string
	changes string
}

// part is a call and which votes are in it.
type part struct {
	call   call
	shard  int
	votes  []int32
	single bool // every participant comes once, and its first vote counts
}

// prepare puts votes into calls.
func (j *cast) prepare(c *Client, p interact.Poll, votes []interact.Vote) {
	j.touch, j.changes = c.touching(), "0"
	if p.Changes {
		j.changes = "1"
	}
	j.sort(c.cfg.Shards, votes)
	j.pack(p, votes)
	j.parts = j.parts[:0]
	for shard := range c.cfg.Shards {
		for of := j.order[j.counts[shard]:j.counts[shard+1]]; len(of) > 0; of = of[min(perCall, len(of)):] {
			j.add(shard, of[:min(perCall, len(of))], !p.Changes && !j.again[shard])
		}
	}
	j.calls = j.calls[:0]
	for i := range j.parts {
		j.fill(c, p, votes, &j.parts[i])
		j.calls = append(j.calls, &j.parts[i].call)
	}
}

// add adds a part, in the room of one that was there before.
func (j *cast) add(shard int, votes []int32, single bool) {
	if len(j.parts) == cap(j.parts) {
		j.parts = append(j.parts, part{})
	} else {
		j.parts = j.parts[:len(j.parts)+1]
	}
	of := &j.parts[len(j.parts)-1]
	of.shard, of.votes, of.single = shard, votes, single
}

// sort puts the votes of each shard together.
func (j *cast) sort(shards int, votes []interact.Vote) {
	j.shards, j.order = resize(j.shards, len(votes)), resize(j.order, len(votes))
	j.counts, j.again = resize(j.counts, shards+1), resize(j.again, shards)
	j.places = resize(j.places, 2<<bits.Len(uint(len(votes))))
	for i := range votes {
		hash := hashOf(votes[i].Participant)
		shard := hash % uint64(shards)
		j.shards[i] = uint16(shard)
		j.counts[shard]++
		if j.place(hash, i, votes) {
			j.again[shard] = true
		}
	}
	from := 0
	for shard, n := range j.counts {
		j.counts[shard] = from
		from += n
	}
	next := resize(j.places, shards) // what it held is not needed any more
	for i := range votes {
		shard := j.shards[i]
		j.order[j.counts[shard]+int(next[shard])] = int32(i)
		next[shard]++
	}
}

// place notes who a vote is of, and says whether one before it is of the same.
func (j *cast) place(hash uint64, i int, votes []interact.Vote) bool {
	mask := uint64(len(j.places) - 1)
	for at := (hash >> 20) & mask; ; at = (at + 1) & mask {
		switch other := j.places[at]; {
		case other == 0:
			j.places[at] = int32(i + 1)
			return false
		case votes[other-1].Participant == votes[i].Participant:
			return true
		}
	}
}

// resize returns n zeroed elements in the room of s if they fit.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// pack writes votes and attempts as Redis keeps them, all in one string.
func (j *cast) pack(p interact.Poll, votes []interact.Vote) {
	j.values, j.attempt = resize(j.values, len(votes)), resize(j.attempt, len(votes))
	j.bytes = j.bytes[:0]
	for i := range votes {
		if votes[i].Refused == "" {
			j.bytes = appendVote(j.bytes, &votes[i].Entry)
		}
		if p.Changes && votes[i].Attempt != 0 {
			j.bytes = binary.BigEndian.AppendUint64(j.bytes, votes[i].Attempt)
		}
	}
	rest := string(j.bytes)
	cut := func(n int) (s string) {
		s, rest = rest[:n], rest[n:]
		return s
	}
	for i := range votes {
		if votes[i].Refused == "" {
			j.values[i] = cut(sizeUnnumbered)
		}
		if p.Changes && votes[i].Attempt != 0 {
			j.attempt[i] = cut(sizeAttempt)
		}
	}
}

// fill writes the command of a part. What it points to stays until the next
// prepare: an argument that is a pointer costs no allocation.
func (j *cast) fill(c *Client, p interact.Poll, votes []interact.Vote, of *part) {
	what, keys := "change", c.ballotKeys(p, of.shard)
	if of.single {
		what, keys = "cast", keys[:2] // it looks at no former votes
	}
	args := of.call.args[:0]
	args = append(args, "fcall", function("ballots", what), len(keys))
	for i := range keys {
		args = append(args, &keys[i])
	}
	args = append(args, &j.touch)
	if !of.single {
		args = append(args, &j.changes)
	}
	for _, i := range of.votes {
		args = append(args, &votes[i].Participant)
	}
	for _, i := range of.votes {
		args = append(args, &j.values[i])
	}
	if !of.single {
		for _, i := range of.votes {
			args = append(args, &j.attempt[i])
		}
	}
	of.call = call{key: keys[0], args: args, lasting: true, together: true}
}

// settle writes what became of the votes, and returns what went wrong with one of
// the calls.
func (j *cast) settle(c *Client, votes []interact.Vote, outcomes []interact.Outcome) (failed error) {
	var fresh, lost int64
	for i := range j.parts {
		of := &j.parts[i]
		err := of.read(c.cfg.Shards, votes, outcomes)
		if err != nil {
			failed = err
		}
		for _, v := range of.votes {
			switch o := &outcomes[v]; {
			case o.Code == interact.CodeUnavailable:
				lost++
			case o.Fresh:
				fresh++
			}
		}
	}
	c.stats.fresh.Add(fresh)
	c.stats.lost.Add(lost)
	return failed
}

// read reads the reply of a call into the outcomes of its votes. What is in it but
// not as durable as it has to be, is not known to count.
func (of *part) read(shards int, votes []interact.Vote, outcomes []interact.Outcome) error {
	err := of.call.err
	if of.call.cmd == nil || of.call.cmd.Err() != nil {
		of.unknown(outcomes)
		return err
	}
	if bad := of.parse(of.call.cmd.Val(), shards, votes, outcomes); bad != nil {
		of.unknown(outcomes)
		return bad
	}
	if err != nil {
		for _, i := range of.votes {
			if outcomes[i].Code == "" {
				outcomes[i] = interact.Outcome{Code: interact.CodeUnavailable}
			}
		}
	}
	return err
}

func (of *part) unknown(outcomes []interact.Outcome) {
	for _, i := range of.votes {
		outcomes[i] = interact.Outcome{Code: interact.CodeUnavailable}
	}
}

// parse reads a reply: how many participants there were, then place and vote of
// each that is not simply the next one.
func (of *part) parse(reply any, shards int, votes []interact.Vote, outcomes []interact.Outcome) error {
	list, _ := reply.([]any)
	if len(list)%2 == 0 {
		return fmt.Errorf("a cast came back as %T of %d", reply, len(list))
	}
	before, ok := list[0].(int64)
	if !ok {
		return fmt.Errorf("a cast came back with %T before", list[0])
	}
	number, rest := uint32(before), list[1:]
	for place, i := range of.votes {
		v := &votes[i]
		at := int64(0)
		if len(rest) > 0 {
			at, _ = rest[0].(int64)
		}
		if at != int64(place+1) && at != -int64(place+1) {
			number++
			next := vote{credited: v.Credited, choice: v.Choice, number: number}
			outcomes[i] = interact.Outcome{Mark: next.mark(of.shard, shards), Fresh: true}
			continue
		}
		text, _ := rest[1].(string)
		rest = rest[2:]
		o, err := of.outcome(text, v.Refused, shards)
		if err != nil {
			return err
		}
		o.Fresh = at < 0
		outcomes[i] = o
	}
	if len(rest) != 0 {
		return fmt.Errorf("a cast came back with %d too many", len(rest))
	}
	return nil
}

// outcome reads the vote of a reply.
func (of *part) outcome(text string, refused interact.Code, shards int) (interact.Outcome, error) {
	switch text {
	case "":
		return interact.Outcome{Code: or(refused, interact.CodeClosed)}, nil
	case "T":
		return interact.Outcome{Code: interact.CodeTooMany}, nil
	}
	v, err := parseVote(text)
	if err != nil {
		return interact.Outcome{}, err
	}
	return interact.Outcome{Mark: v.mark(of.shard, shards)}, nil
}

// forget lets go of what belongs to the caller.
func (j *cast) forget() {
	for i := range j.parts {
		clear(j.parts[i].call.args)
		j.parts[i].call.cmd, j.parts[i].votes = nil, nil
	}
	clear(j.values)
	clear(j.attempt)
}

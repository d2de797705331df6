package redis

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
)

// Sizes of a vote as Redis keeps it, see ballots.lua.
const (
	sizeUnnumbered = 15
	sizeVote       = 19
	sizeAttempt    = 8
)

// vote is an answer as Redis keeps it.
type vote struct {
	credited, received clock.Instant
	choice             interact.Selection
	changes            uint8
	number             uint32 // in the shard, from 1
	attempt            uint64
}

// appendVote adds what is known of e before it has a number.
func appendVote(b []byte, e *interact.Entry) []byte {
	late := min(max(e.Received-e.Credited, math.MinInt32), math.MaxInt32)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Credited))
	b = binary.BigEndian.AppendUint32(b, uint32(int32(late)))
	b = binary.BigEndian.AppendUint16(b, uint16(e.Choice))
	return append(b, 0)
}

// parseVote reads a vote.
func parseVote(text string) (vote, error) {
	if len(text) != sizeVote && len(text) != sizeVote+sizeAttempt {
		return vote{}, fmt.Errorf("a vote of %d bytes is damaged", len(text))
	}
	b := make([]byte, 0, sizeVote+sizeAttempt)
	b = append(b, text...)
	v := vote{
		credited: clock.Instant(binary.BigEndian.Uint64(b)),
		choice:   interact.Selection(binary.BigEndian.Uint16(b[12:])),
		changes:  b[14],
		number:   binary.BigEndian.Uint32(b[15:]),
	}
	v.received = v.credited + clock.Instant(int32(binary.BigEndian.Uint32(b[8:])))
	if len(b) > sizeVote {
		v.attempt = binary.BigEndian.Uint64(b[sizeVote:])
	}
	return v, nil
}

// mark returns what is told of the vote. Numbers of shards interleave.
func (v vote) mark(shard, shards int) interact.Mark {
	return interact.Mark{
		Credited: v.credited, Choice: v.choice, Changes: v.changes,
		Seq: (v.number-1)*uint32(shards) + uint32(shard) + 1,
	}
}

func (v vote) entry(participant string) interact.Entry {
	return interact.Entry{
		Participant: participant, Choice: v.choice, Credited: v.credited, Received: v.received, Attempt: v.attempt,
	}
}

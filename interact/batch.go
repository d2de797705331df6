package interact

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/cuelight/cuelight/sync/clock"
)

// Limits of what a log holds.
const (
	// MaxBatch is the largest number of answers in one batch.
	MaxBatch = 16_384
	// MaxParticipant is the longest name of a participant, in bytes.
	MaxParticipant = 64
)

// Entry is a counted answer as the log keeps it. The cue is the record's.
type Entry struct {
	Participant string
	Choice      Selection
	// Credited is the instant it counts as given at; Received is when it came.
	// Both on R. The second says, long after, how much the first was believed.
	Credited, Received clock.Instant
	// Attempt tells the attempts of a participant apart where an answer may be
	// changed, see AttemptOf. Zero elsewhere.
	Attempt uint64
}

// AttemptOf returns the number of an answer's ID, never zero. It is part of the
// log's format.
func AttemptOf(id string) uint64 { return max(fnv(fnvOffset, id), 1) }

// ErrBatch means bytes that are not a whole, undamaged batch.
var ErrBatch = errors.New("not an undamaged batch of answers")

// The first byte of a batch. A new layout gets a new number, and the old ones
// stay readable.
const (
	batchFirst    = 1
	batchAttempts = 2 // with Attempt; what has none is written as before
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// AppendBatch adds the packed form of at most MaxBatch entries to b, which is
// empty or holds other data:
//
//	u8 version: 1, or 2 if there are attempts
//	uvarint count
//	count × { uvarint length, participant, uvarint choice,
//	          varint credited − previous credited (first: − 0),
//	          varint received − credited, version 2: u64 attempt, big-endian }
//	u32 CRC-32C of all bytes before it, big-endian
func AppendBatch(b []byte, entries []Entry) []byte {
	start := len(b)
	layout := layoutOf(entries)
	b = append(b, layout)
	b = binary.AppendUvarint(b, uint64(len(entries)))
	var last clock.Instant
	for i := range entries {
		e := &entries[i]
		b = binary.AppendUvarint(b, uint64(len(e.Participant)))
		b = append(b, e.Participant...)
		b = binary.AppendUvarint(b, uint64(e.Choice))
		b = binary.AppendVarint(b, int64(e.Credited-last))
		b = binary.AppendVarint(b, int64(e.Received-e.Credited))
		if layout == batchAttempts {
			b = binary.BigEndian.AppendUint64(b, e.Attempt)
		}
		last = e.Credited
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

func layoutOf(entries []Entry) byte {
	for i := range entries {
		if entries[i].Attempt != 0 {
			return batchAttempts
		}
	}
	return batchFirst
}

// ParseBatch reads what AppendBatch wrote. The result shares no memory with data.
//
// Errors: ErrBatch, wrapped with what is wrong.
func ParseBatch(data []byte) ([]Entry, error) {
	if len(data) < 6 || data[0] < batchFirst || data[0] > batchAttempts {
		return nil, fmt.Errorf("%w: %d bytes, version %d", ErrBatch, len(data), version(data))
	}
	body := data[:len(data)-4]
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(data[len(body):]) {
		return nil, fmt.Errorf("%w: checksum differs", ErrBatch)
	}
	p := unpacker{rest: body[1:]}
	count := p.uvarint(MaxBatch)
	entries := make([]Entry, 0, min(count, uint64(len(body)/4)))
	var last clock.Instant
	for range count {
		if p.bad {
			break
		}
		e := p.entry(last, data[0])
		last = e.Credited
		entries = append(entries, e)
	}
	if p.bad || len(p.rest) != 0 {
		return nil, fmt.Errorf("%w: entry %d of %d does not fit", ErrBatch, len(entries), count)
	}
	return entries, nil
}

func (p *unpacker) entry(last clock.Instant, layout byte) Entry {
	e := Entry{Participant: p.text(MaxParticipant), Choice: Selection(p.uvarint(1<<16 - 1))}
	e.Credited = last + clock.Instant(p.varint())
	e.Received = e.Credited + clock.Instant(p.varint())
	if layout == batchAttempts {
		e.Attempt = p.fixed()
	}
	return e
}

func version(data []byte) int {
	if len(data) == 0 {
		return -1
	}
	return int(data[0])
}

// unpacker reads fields until one does not fit; from then on all are zero.
type unpacker struct {
	rest []byte
	bad  bool
}

func (p *unpacker) uvarint(limit uint64) uint64 {
	v, n := binary.Uvarint(p.rest)
	if p.bad || n <= 0 || v > limit {
		p.bad = true
		return 0
	}
	p.rest = p.rest[n:]
	return v
}

func (p *unpacker) varint() int64 {
	v, n := binary.Varint(p.rest)
	if p.bad || n <= 0 {
		p.bad = true
		return 0
	}
	p.rest = p.rest[n:]
	return v
}

func (p *unpacker) fixed() uint64 {
	if p.bad || len(p.rest) < 8 {
		p.bad = true
		return 0
	}
	v := binary.BigEndian.Uint64(p.rest)
	p.rest = p.rest[8:]
	return v
}

func (p *unpacker) text(limit uint64) string {
	n := p.uvarint(limit)
	if p.bad || n > uint64(len(p.rest)) {
		p.bad = true
		return ""
	}
	s := string(p.rest[:n])
	p.rest = p.rest[n:]
	return s
}

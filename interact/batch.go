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
	MaxBatch = 8192
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
}

// ErrBatch means bytes that are not a whole, undamaged batch.
var ErrBatch = errors.New("not an undamaged batch of answers")

// batchVersion is the first byte of a batch. A new layout gets a new number,
// and the old one stays readable.
const batchVersion = 1

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// AppendBatch adds the packed form of at most MaxBatch entries to b, which is
// empty or holds other data:
//
//	u8 version=1
//	uvarint count
//	count × { uvarint length, participant, uvarint choice,
//	          varint credited − previous credited (first: − 0),
//	          varint received − credited }
//	u32 CRC-32C of all bytes before it, big-endian
func AppendBatch(b []byte, entries []Entry) []byte {
	start := len(b)
	b = append(b, batchVersion)
	b = binary.AppendUvarint(b, uint64(len(entries)))
	var last clock.Instant
	for i := range entries {
		e := &entries[i]
		b = binary.AppendUvarint(b, uint64(len(e.Participant)))
		b = append(b, e.Participant...)
		b = binary.AppendUvarint(b, uint64(e.Choice))
		b = binary.AppendVarint(b, int64(e.Credited-last))
		b = binary.AppendVarint(b, int64(e.Received-e.Credited))
		last = e.Credited
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// ParseBatch reads what AppendBatch wrote. The result shares no memory with data.
//
// Errors: ErrBatch, wrapped with what is wrong.
func ParseBatch(data []byte) ([]Entry, error) {
	if len(data) < 6 || data[0] != batchVersion {
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
		e := Entry{Participant: p.text(MaxParticipant), Choice: Selection(p.uvarint(1<<16 - 1))}
		e.Credited = last + clock.Instant(p.varint())
		e.Received = e.Credited + clock.Instant(p.varint())
		last = e.Credited
		entries = append(entries, e)
	}
	if p.bad || len(p.rest) != 0 {
		return nil, fmt.Errorf("%w: entry %d of %d does not fit", ErrBatch, len(entries), count)
	}
	return entries, nil
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

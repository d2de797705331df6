package redis

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"

	"github.com/cuelight/cuelight/interact"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sumOf is the CRC-32C of channel, kind, cue and data. A record does not have its
// number when the sum is made.
func sumOf(r interact.Record) string {
	sum := crc32.Checksum([]byte(r.Channel), castagnoli)
	sum = crc32.Update(sum, castagnoli, binary.BigEndian.AppendUint32([]byte{0, byte(r.Kind)}, uint32(len(r.Cue))))
	sum = crc32.Update(sum, castagnoli, []byte(r.Cue))
	sum = crc32.Update(sum, castagnoli, r.Data)
	return strconv.FormatUint(uint64(sum), 16)
}

// fieldsOf are the fields of a record: k kind, c cue, s sum, d data.
func fieldsOf(r interact.Record) []any {
	return []any{strconv.Itoa(int(r.Kind)), r.Cue, sumOf(r), r.Data}
}

// parseRecord reads an entry of a channel's log.
//
// Errors: one that says which record is damaged.
func parseRecord(channel string, entry any) (interact.Record, error) {
	seq, f, err := parseEntry(entry)
	if err != nil {
		return interact.Record{}, fmt.Errorf("log of channel %s: %w", channel, err)
	}
	kind, err := strconv.ParseUint(f["k"], 10, 8)
	r := interact.Record{Seq: seq, Channel: channel, Kind: interact.RecordKind(kind), Cue: f["c"], Data: []byte(f["d"])}
	if err == nil && len(r.Data) > interact.MaxRecord {
		err = fmt.Errorf("%d bytes", len(r.Data))
	}
	if err == nil && sumOf(r) != f["s"] {
		err = errors.New("its sum does not fit")
	}
	if err != nil {
		return interact.Record{}, fmt.Errorf("record %d of channel %s is damaged: %w", seq, channel, err)
	}
	return r, nil
}

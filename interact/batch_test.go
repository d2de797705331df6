package interact_test

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/interact"
)

func TestBatchRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.SliceOf(rapid.OneOf(rapid.Custom(entry), rapid.Custom(attempt))).Draw(t, "entries")
		prefix := rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "prefix")
		packed := interact.AppendBatch(slices.Clone(prefix), entries)
		if !slices.Equal(packed[:len(prefix)], prefix) {
			t.Fatal("IN7 what was there before has changed")
		}
		got, err := interact.ParseBatch(packed[len(prefix):])
		if err != nil || !slices.Equal(got, entries) {
			t.Fatalf("IN7 came back as %+v, %v", got, err)
		}
	})
}

// TestBatchBytes pins the layout: logs that exist must stay readable.
func TestBatchBytes(t *testing.T) {
	const packed = "0102" + "03616e6e02" + "a0adc2f7cebab006" + "e0d403" + "03626f6201" + "d00f" + "00" + "bbca6c5d"
	entries := []interact.Entry{
		{Participant: "ann", Choice: 1 << 1, Credited: 1795410003250000, Received: 1795410003250000 + 30000},
		{Participant: "bob", Choice: 1 << 0, Credited: 1795410003251000, Received: 1795410003251000},
	}
	if got := hex.EncodeToString(interact.AppendBatch(nil, entries)); got != packed {
		t.Errorf("IN7 packed as %s, want %s", got, packed)
	}
	data, err := hex.DecodeString(packed)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := interact.ParseBatch(data); err != nil || !slices.Equal(got, entries) {
		t.Errorf("IN7 read as %+v, %v", got, err)
	}
}

// TestBatchOfAttemptsBytes pins the layout of answers that may be changed.
func TestBatchOfAttemptsBytes(t *testing.T) {
	const packed = "0201" + "03616e6e02" + "0a" + "02" + "af63dc4c8601ec8c" + "fd2d77aa"
	entries := []interact.Entry{{Participant: "ann", Choice: 1 << 1, Credited: 5, Received: 6, Attempt: interact.AttemptOf("a")}}
	if got := hex.EncodeToString(interact.AppendBatch(nil, entries)); got != packed {
		t.Errorf("IN7 packed as %s, want %s", got, packed)
	}
	data, err := hex.DecodeString(packed)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := interact.ParseBatch(data); err != nil || !slices.Equal(got, entries) {
		t.Errorf("IN7 read as %+v, %v", got, err)
	}
}

func TestBatchNoticesDamage(t *testing.T) {
	data := interact.AppendBatch(nil, []interact.Entry{{Participant: "ann", Choice: 1, Credited: 5, Received: 6}})
	for i := range data {
		for bit := range 8 {
			bad := slices.Clone(data)
			bad[i] ^= 1 << bit
			if got, err := interact.ParseBatch(bad); !errors.Is(err, interact.ErrBatch) {
				t.Errorf("IN7 byte %d bit %d flipped: read as %+v, %v", i, bit, got, err)
			}
		}
		if _, err := interact.ParseBatch(data[:i]); !errors.Is(err, interact.ErrBatch) {
			t.Errorf("IN7 cut at %d: %v", i, err)
		}
	}
	if _, err := interact.ParseBatch(append(data, 0)); !errors.Is(err, interact.ErrBatch) {
		t.Errorf("IN7 a byte more: %v", err)
	}
}

// FuzzParseBatch gives any body a right checksum, so that the fields are reached.
func FuzzParseBatch(f *testing.F) {
	whole := interact.AppendBatch(nil, []interact.Entry{{Participant: "ann", Choice: 1, Credited: 5, Received: 6}, {Choice: 3}})
	f.Add(whole[:len(whole)-4])
	changed := interact.AppendBatch(nil, []interact.Entry{{Participant: "ann", Choice: 1, Credited: 5, Received: 6, Attempt: 7}})
	f.Add(changed[:len(changed)-4])
	f.Add([]byte{1, 0})
	f.Add([]byte{2, 1, 1, 'a', 1, 0, 0, 0, 0, 0})
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add([]byte{1, 1, 64, 'a'})
	f.Fuzz(func(t *testing.T, body []byte) {
		sum := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))
		entries, err := interact.ParseBatch(binary.BigEndian.AppendUint32(slices.Clone(body), sum))
		if err != nil {
			if !errors.Is(err, interact.ErrBatch) || entries != nil {
				t.Fatalf("%v, %d entries", err, len(entries))
			}
			return
		}
		if len(entries) > interact.MaxBatch {
			t.Fatalf("%d entries", len(entries))
		}
		for _, e := range entries {
			if len(e.Participant) > interact.MaxParticipant {
				t.Fatalf("a participant of %d bytes", len(e.Participant))
			}
		}
		again, err := interact.ParseBatch(interact.AppendBatch(nil, entries))
		if err != nil || !slices.Equal(again, entries) {
			t.Fatalf("came back as %+v, %v", again, err)
		}
	})
}

func TestLargestBatchIsARecord(t *testing.T) {
	entries := make([]interact.Entry, interact.MaxBatch)
	for i := range entries {
		entries[i] = interact.Entry{Participant: strings.Repeat("p", interact.MaxParticipant), Choice: 1<<16 - 1, Credited: -1 << 62, Received: 1 << 62, Attempt: 1}
		if i%2 == 1 {
			entries[i].Credited, entries[i].Received = 1<<62, -1<<62
		}
	}
	r := interact.Record{Channel: "show", Cue: "c1", Kind: interact.RecordAnswers, Data: interact.AppendBatch(nil, entries)}
	if err := r.Validate(); err != nil {
		t.Errorf("ST8 %d bytes: %v", len(r.Data), err)
	}
}

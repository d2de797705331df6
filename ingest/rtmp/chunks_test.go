package rtmp_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/rtmp"
)

// chunk writes a chunk with a header: format 0 takes all of at, size, kind and
// stream, format 1 all but the stream, format 2 only at.
func chunk(format, id byte, at uint32, size int, kind byte, body string) []byte {
	b := []byte{format<<6 | id}
	field := min(at, 0xffffff)
	b = append(b, byte(field>>16), byte(field>>8), byte(field))
	if format < 2 {
		b = append(b, byte(size>>16), byte(size>>8), byte(size), kind)
	}
	if format == 0 {
		b = append(b, 1, 0, 0, 0)
	}
	if at >= 0xffffff {
		b = binary.BigEndian.AppendUint32(b, at)
	}
	return append(b, body...)
}

func more(id byte, body string) []byte { return append([]byte{3<<6 | id}, body...) }

func extended(at uint32) string { return string(binary.BigEndian.AppendUint32(nil, at)) }

func chunkSize(n uint32) []byte {
	return chunk(0, 2, 0, 4, 1, string(binary.BigEndian.AppendUint32(nil, n)))
}

func text(n int) string { return string(bytes.Repeat([]byte("cuelight"), n/8+1)[:n]) }

func TestChunks(t *testing.T) {
	const far = 0x01020304
	long := text(300)
	for _, tc := range []struct {
		name   string
		data   [][]byte
		times  []uint32
		bodies []string
	}{
		{"a message in three pieces", [][]byte{chunk(0, 4, 40, 300, 9, long[:128]), more(4, long[128:256]), more(4, long[256:])},
			[]uint32{40}, []string{long}},
		{"pieces of two messages mixed", [][]byte{chunk(0, 4, 40, 200, 9, long[:128]), chunk(0, 5, 41, 3, 8, "abc"), more(4, long[128:200])},
			[]uint32{41, 40}, []string{"abc", long[:200]}},
		{"steps add up", [][]byte{chunk(0, 4, 5000, 1, 9, "a"), chunk(1, 4, 40, 2, 9, "bb"), chunk(2, 4, 33, 0, 0, "cc"), more(4, "dd")},
			[]uint32{5000, 5040, 5073, 5106}, []string{"a", "bb", "cc", "dd"}},
		{"without a step near zero the first timestamp is it", [][]byte{chunk(0, 4, 23, 1, 8, "a"), more(4, "b")},
			[]uint32{23, 46}, []string{"a", "b"}},
		{"without a step later on there is none", [][]byte{chunk(0, 4, 90000, 1, 8, "a"), more(4, "b")},
			[]uint32{90000, 90000}, []string{"a", "b"}},
		{"IG30 extended, repeated in later pieces", [][]byte{chunk(0, 4, far, 200, 9, long[:128]), more(4, extended(far)+long[128:200])},
			[]uint32{far}, []string{long[:200]}},
		{"IG30 extended, not repeated", [][]byte{chunk(0, 4, far, 200, 9, long[:128]), more(4, long[128:200]), chunk(0, 5, 1, 1, 8, "x")},
			[]uint32{far, 1}, []string{long[:200], "x"}},
		{"IG30 extended, room left empty", [][]byte{chunk(0, 4, far, 200, 9, long[:128]), more(4, "\x00\x00\x00\x00"+long[128:200])},
			[]uint32{far}, []string{long[:200]}},
		{"IG30 an extended step repeated", [][]byte{chunk(0, 4, 7, 1, 9, "a"), chunk(1, 4, far, 200, 9, long[:128]), more(4, extended(far)+long[128:200])},
			[]uint32{7, far + 7}, []string{"a", long[:200]}},
		{"ids of two and three bytes", [][]byte{slices.Concat([]byte{0, 10}, chunk(0, 0, 1, 1, 8, "a")[1:]), slices.Concat([]byte{1, 1, 2}, chunk(0, 0, 2, 1, 8, "b")[1:])},
			[]uint32{1, 2}, []string{"a", "b"}},
		{"an empty message", [][]byte{chunk(0, 4, 3, 0, 9, ""), chunk(0, 4, 4, 1, 9, "a")}, []uint32{3, 4}, []string{"", "a"}},
		{"a new message gives the unfinished one up", [][]byte{chunk(0, 4, 1, 200, 9, long[:128]), chunk(0, 4, 2, 1, 9, "a")},
			[]uint32{2}, []string{"a"}},
		{"a stream may begin with a step", [][]byte{chunk(1, 4, 9, 1, 9, "a")}, []uint32{9}, []string{"a"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := rtmp.ReadChunks(slices.Concat(tc.data...))
			if !errors.Is(err, io.EOF) {
				t.Fatalf("err = %v", err)
			}
			var times []uint32
			var bodies []string
			for _, m := range got {
				times, bodies = append(times, m.Time), append(bodies, string(m.Body))
			}
			if !slices.Equal(times, tc.times) || !slices.Equal(bodies, tc.bodies) {
				t.Errorf("got %v %q, want %v %q", times, bodies, tc.times, tc.bodies)
			}
		})
	}
}

func TestChunkSizes(t *testing.T) {
	const largest = 1<<24 - 1
	body := text(largest)
	data := slices.Concat(chunkSize(1<<31-1), chunk(0, 4, 1, largest, 9, body), chunkSize(1), chunk(0, 5, 2, 2, 8, "a"), more(5, "b"))
	got, err := rtmp.ReadChunks(data)
	if !errors.Is(err, io.EOF) || len(got) != 4 || string(got[1].Body) != body || string(got[3].Body) != "ab" {
		t.Errorf("IG67 %d messages, %v", len(got), err)
	}
	abort := chunk(0, 2, 0, 4, 2, "\x00\x00\x00\x04")
	got, err = rtmp.ReadChunks(slices.Concat(chunk(0, 4, 1, 200, 9, text(128)), abort, more(4, text(128)), more(4, text(72))))
	if !errors.Is(err, io.EOF) || len(got) != 2 || got[1].Time != 2 {
		t.Errorf("an aborted message: %d messages, %v", len(got), err)
	}
}

func TestChunkLimits(t *testing.T) {
	var many, unfinished []byte
	for id := byte(3); id < 64; id++ {
		many = append(many, chunk(0, id, 0, 0, 9, "")...)
	}
	for id := range byte(4) {
		many = append(many, slices.Concat([]byte{0, id}, chunk(0, 0, 0, 0, 9, "")[1:])...)
	}
	unfinished = chunkSize(1<<24 - 2)
	for id := byte(4); id < 8; id++ {
		unfinished = append(unfinished, chunk(0, id, 0, 1<<24-1, 9, text(1<<24-2))...)
	}
	for name, data := range map[string][]byte{
		"IG67 too many chunk streams":      many,
		"IG67 too much that is unfinished": unfinished,
		"a chunk size of zero":             chunkSize(0),
		"a chunk that refers to nothing":   more(4, "a"),
		"a chunk size that is cut off":     chunk(0, 2, 0, 2, 1, "ab"),
	} {
		if _, err := rtmp.ReadChunks(data); ingest.CodeOf(err) != ingest.CodeMalformed {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzChunks(f *testing.F) {
	f.Add(slices.Concat(chunkSize(4), chunk(0, 4, 40, 6, 9, "abcd"), more(4, "ef")))
	f.Add(slices.Concat(chunk(0, 4, 1<<25, 200, 9, text(128)), more(4, extended(1<<25)+text(72))))
	f.Add(slices.Concat(chunk(0, 2, 0, 4, 2, "\x00\x00\x00\x04"), more(2, "abcd")))
	f.Fuzz(func(t *testing.T, data []byte) {
		messages, err := rtmp.ReadChunks(data)
		if err == nil {
			t.Fatal("no end")
		}
		size := 0
		for _, m := range messages {
			size += len(m.Body)
		}
		if size > len(data) {
			t.Errorf("%d bytes of messages from %d", size, len(data))
		}
	})
}

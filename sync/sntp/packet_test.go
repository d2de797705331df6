package sntp_test

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/cuelight/cuelight/sync/sntp"
)

const nonce = 0x0123_4567_89ab_cdef

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// packet is a good reply of a stratum 2 server.
func packet(nonce uint64, receive, transmit time.Time) []byte {
	b := make([]byte, 16, sntp.PacketSize)
	b[0] = 4<<3 | 4
	b[1] = 2
	b[3] = 0xe8                                     // 2^-24 s
	binary.BigEndian.PutUint32(b[4:], 1<<16/100)    // 10 ms
	binary.BigEndian.PutUint32(b[8:], 1<<16*2/1000) // 2 ms
	b = binary.BigEndian.AppendUint64(b, uint64(sntp.TimestampOf(receive.Add(-time.Minute))))
	b = binary.BigEndian.AppendUint64(b, nonce)
	b = binary.BigEndian.AppendUint64(b, uint64(sntp.TimestampOf(receive)))
	return binary.BigEndian.AppendUint64(b, uint64(sntp.TimestampOf(transmit)))
}

func TestRequest(t *testing.T) {
	b := sntp.AppendRequest(nil, nonce)
	if len(b) != sntp.PacketSize || b[0] != 0x23 || binary.BigEndian.Uint64(b[40:]) != nonce {
		t.Fatalf("CL12 request = %x", b)
	}
	for i, c := range b[1:40] {
		if c != 0 {
			t.Errorf("CL12 byte %d of a request tells %#x about this machine", i+1, c)
		}
	}
}

func TestReply(t *testing.T) {
	r, err := sntp.ParseReply(packet(nonce, noon, noon.Add(time.Millisecond)))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Check(nonce); err != nil {
		t.Fatalf("CL12 a good reply: %v", err)
	}
	if d := r.Distance(); d < 6900*time.Microsecond || d > 7100*time.Microsecond {
		t.Errorf("CL12 distance = %v, want 10ms/2 + 2ms", d)
	}
	if got := r.Transmit.Sub(r.Receive); (got - time.Millisecond).Abs() > time.Nanosecond {
		t.Errorf("CL12 time in the server = %v", got)
	}
}

func TestReplyRefused(t *testing.T) {
	set := func(at int, bytes ...byte) func([]byte) []byte {
		return func(b []byte) []byte { copy(b[at:], bytes); return b }
	}
	zeros := make([]byte, 8)
	for name, tc := range map[string]struct {
		change func([]byte) []byte
		want   error
	}{
		"CL12 short":               {func(b []byte) []byte { return b[:47] }, sntp.ErrNotReply},
		"CL12 a client's":          {set(0, 4<<3|3), sntp.ErrNotReply},
		"CL12 a broadcast":         {set(0, 4<<3|5), sntp.ErrNotReply},
		"CL12 version 2":           {set(0, 2<<3|4), sntp.ErrNotReply},
		"CL12 another nonce":       {set(24, 2), sntp.ErrNotOurs},
		"CL12 no nonce":            {set(24, zeros...), sntp.ErrNotOurs},
		"CL12 leap unknown":        {set(0, 3<<6|4<<3|4), sntp.ErrUnsynchronised},
		"CL12 stratum 16":          {set(1, 16), sntp.ErrUnsynchronised},
		"CL12 no receive time":     {set(32, zeros...), sntp.ErrTimestamps},
		"CL12 no transmit time":    {set(40, zeros...), sntp.ErrTimestamps},
		"CL12 answers before":      {func([]byte) []byte { return packet(nonce, noon, noon.Add(-time.Millisecond)) }, sntp.ErrTimestamps},
		"CL12 set in the future":   {set(16, 0xf0), sntp.ErrTimestamps},
		"CL12 far from reference":  {set(4, 0, 2), sntp.ErrDistance},
		"CL12 dispersed":           {set(8, 0, 1), sntp.ErrDistance},
		"CL12 reads its clock ill": {set(3, 0), sntp.ErrDistance},
	} {
		r, err := sntp.ParseReply(tc.change(packet(nonce, noon, noon)))
		if err == nil {
			err = r.Check(nonce)
		}
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

func TestKissOfDeath(t *testing.T) {
	b := packet(nonce, noon, noon)
	b[0] |= 3 << 6
	b[1] = 0
	copy(b[12:], "RA\x00\xff")
	r, err := sntp.ParseReply(b)
	if err != nil {
		t.Fatal(err)
	}
	if kiss, ok := errors.AsType[*sntp.KissError](r.Check(nonce)); !ok || kiss.Code != "RA.." {
		t.Errorf("CL12 kiss = %v", r.Check(nonce))
	}
	if err := r.Check(nonce + 1); !errors.Is(err, sntp.ErrNotOurs) {
		t.Errorf("CL12 somebody else's kiss = %v", err)
	}
}

func TestTimestampEras(t *testing.T) {
	rollover := time.Date(2036, 2, 7, 6, 28, 16, 0, time.UTC)
	for _, tc := range []struct{ at, pivot time.Time }{
		{noon, noon},
		{noon, noon.Add(60 * 365 * 24 * time.Hour)},
		{rollover.Add(-time.Second), rollover.Add(time.Second)},
		{rollover.Add(time.Second), rollover.Add(-time.Second)},
		{rollover, rollover},
		{rollover.AddDate(100, 0, 0), rollover.AddDate(99, 0, 0)},
		{time.Unix(0, 0), noon},
	} {
		if got := sntp.TimestampOf(tc.at).Near(tc.pivot); got.Sub(tc.at).Abs() > 2*time.Nanosecond {
			t.Errorf("CL12 %v seen from %v is %v", tc.at, tc.pivot, got)
		}
	}
	if sntp.TimestampOf(rollover) != 0 {
		t.Errorf("CL12 the second era begins with %x", uint64(sntp.TimestampOf(rollover)))
	}
	if got := sntp.TimestampOf(rollover.Add(time.Second)).Sub(sntp.TimestampOf(rollover.Add(-time.Second))); got != 2*time.Second {
		t.Errorf("CL12 two seconds over the turn of an era are %v", got)
	}
}

func FuzzReply(f *testing.F) {
	f.Add(packet(nonce, noon, noon))
	f.Add(append(packet(nonce, noon, noon), make([]byte, 20)...))
	f.Add([]byte{0x24})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := sntp.ParseReply(b)
		if err != nil {
			return
		}
		if r.RootDelay < 0 || r.RootDispersion < 0 || r.Precision <= 0 || r.Distance() <= 0 {
			t.Errorf("CL12 negative distance: %+v", r)
		}
		if r.Check(uint64(r.Origin)) == nil && (r.Distance() >= time.Second || r.Stratum < 1 || r.Stratum > 15) {
			t.Errorf("CL12 of use: %+v", r)
		}
		if near := r.Transmit.Near(noon).Sub(noon).Abs(); near > 69*365*24*time.Hour {
			t.Errorf("CL12 %v from now", near)
		}
	})
}

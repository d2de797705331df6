package sntp

import (
	"encoding/binary"
	"time"
)

// Timestamp is a moment as NTP writes it.
//
// Units: 2⁻³² s since the beginning of an era, the first of which began with
// 1900. An era has 136 years; the one after the first begins on 2036-02-07.
// Spec: RFC 5905 §6.
type Timestamp uint64

// sinceEra is the Unix epoch in seconds of the first era.
const sinceEra = 2_208_988_800

// TimestampOf writes t, cut to 2⁻³² s.
func TimestampOf(t time.Time) Timestamp {
	seconds := uint64(t.Unix() + sinceEra)
	fraction := uint64(t.Nanosecond()) << 32 / uint64(time.Second)
	return Timestamp(seconds<<32 | fraction)
}

// Sub returns how long after u the moment t is, if they are within 68 years of
// each other, whatever their eras.
func (t Timestamp) Sub(u Timestamp) time.Duration {
	d := int64(t - u)
	seconds, fraction := d>>32, uint64(d)&0xffff_ffff
	return time.Duration(seconds)*time.Second + time.Duration(fraction*uint64(time.Second)>>32)
}

// Near returns t in the era in which it is within 68 years of pivot.
func (t Timestamp) Near(pivot time.Time) time.Time {
	return pivot.Add(t.Sub(TimestampOf(pivot))).UTC()
}

func stamp(b []byte) Timestamp { return Timestamp(binary.BigEndian.Uint64(b)) }

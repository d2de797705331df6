package cmaf

import (
	"encoding/binary"
	"fmt"

	"github.com/cuelight/cuelight/sync/clock"
)

// box appends a box with the given payload.
// Spec: ISO/IEC 14496-12 §4.2.
func box(dst []byte, kind string, payload ...byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(8+len(payload)))
	dst = append(dst, kind...)
	return append(dst, payload...)
}

// brands is the payload of ftyp and styp: major brand, minor version,
// compatible brands.
func brands(major string, compatible ...string) []byte {
	b := append([]byte(major), 0, 0, 0, 0)
	for _, brand := range compatible {
		b = append(b, brand...)
	}
	return b
}

// prftConsistent says that media time and NTP time are tied by one unbroken
// rule over the whole stream, here the channel's timeline.
// Spec: ISO/IEC 14496-12 §8.16.5.
const prftConsistent = 8

// prft appends a producer reference time box, version 1: the instant at which
// the presentation time mediaTime happened.
func prft(dst []byte, track uint32, at clock.Instant, mediaTime uint64) []byte {
	var p [24]byte
	p[0] = 1
	p[3] = prftConsistent
	binary.BigEndian.PutUint32(p[4:], track)
	binary.BigEndian.PutUint64(p[8:], NTP(at))
	binary.BigEndian.PutUint64(p[16:], mediaTime)
	return box(dst, "prft", p[:]...)
}

// ntpEpoch is 1970-01-01 in seconds since 1900-01-01. Spec: RFC 5905 §6.
const ntpEpoch = 2_208_988_800

// NTP converts i to the 64-bit NTP timestamp format: 32 bits of seconds since
// 1900, which wrap in 2036, and 32 bits of fraction. Spec: RFC 5905 §6.
func NTP(i clock.Instant) uint64 {
	const million = 1_000_000
	secs, micros := int64(i)/million, int64(i)%million
	if micros < 0 {
		secs, micros = secs-1, micros+million
	}
	fraction := (uint64(micros) << 32) / million
	return uint64(uint32(secs+ntpEpoch))<<32 | fraction
}

// edit replaces the payload of the box at path by what change makes of it, and
// corrects the sizes of those around it. The bytes given are not changed.
func edit(data []byte, path []string, change func([]byte) []byte) ([]byte, error) {
	for at := 0; at+8 <= len(data); {
		size := int(binary.BigEndian.Uint32(data[at:]))
		if size < 8 || size > len(data)-at {
			return nil, fmt.Errorf("a box of %d bytes in %d", size, len(data)-at)
		}
		kind, payload := string(data[at+4:at+8]), data[at+8:at+size]
		if kind != path[0] {
			at += size
			continue
		}
		payload = append([]byte(nil), payload...)
		if len(path) == 1 {
			payload = change(payload)
		} else {
			head := fields(kind)
			if len(payload) < head {
				return nil, fmt.Errorf("box %s has %d bytes", kind, len(payload))
			}
			inner, err := edit(payload[head:], path[1:], change)
			if err != nil {
				return nil, err
			}
			payload = append(payload[:head:head], inner...)
		}
		out := box(append([]byte(nil), data[:at]...), kind, payload...)
		return append(out, data[at+size:]...), nil
	}
	return nil, fmt.Errorf("no box %s", path[0])
}

// fields is how many bytes stand in a box before the boxes within.
// Spec: ISO/IEC 14496-12 §8.5.2, §12.1.3, §12.2.3.
func fields(kind string) int {
	switch kind {
	case "stsd":
		return 8
	case "hvc1":
		return 78
	case "Opus":
		return 28
	}
	return 0
}

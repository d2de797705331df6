package cmaf

import "encoding/binary"

// Event is metadata in band, at a time on the track's presentation timeline.
type Event struct {
	ID    uint32 // differs for every event of a track
	Value string // name of the event, without NUL
	// Scale is the units per second of the times below.
	Scale    uint32
	At       uint64
	Duration uint32 // EventUnknown if it is not known; otherwise more than 1 ms
	// Text is carried in a TXXX frame under the description Name. Both are UTF-8
	// without NUL; together less than 256 KiB.
	Name, Text string
}

// EventUnknown is the duration of an event that is not known yet.
const EventUnknown = 0xFFFFFFFF

// idScheme says that the payload is an ID3v2 tag.
// Spec: AOM "Carriage of ID3 Timed Metadata in CMAF" §2.
const idScheme = "https://aomedia.org/emsg/ID3"

// emsg appends an event message box, version 1.
// Spec: ISO/IEC 23009-1 §5.10.3.3.
func emsg(dst []byte, e *Event) []byte {
	p := make([]byte, 0, 96+len(e.Value)+len(e.Name)+len(e.Text))
	p = append(p, 1, 0, 0, 0)
	p = binary.BigEndian.AppendUint32(p, e.Scale)
	p = binary.BigEndian.AppendUint64(p, e.At)
	p = binary.BigEndian.AppendUint32(p, e.Duration)
	p = binary.BigEndian.AppendUint32(p, e.ID)
	p = append(append(p, idScheme...), 0)
	p = append(append(p, e.Value...), 0)
	return box(dst, "emsg", userText(p, e.Name, e.Text)...)
}

// userText appends an ID3v2.4 tag with one user defined text frame.
// Spec: ID3v2.4.0 structure §3.1, §4; frames §4.2.6.
func userText(dst []byte, name, text string) []byte {
	const frameHead, utf8 = 10, 3
	size := 1 + len(name) + 1 + len(text)
	dst = append(dst, "ID3\x04\x00\x00"...)
	dst = syncsafe(dst, frameHead+size)
	dst = append(dst, "TXXX"...)
	dst = append(syncsafe(dst, size), 0, 0)
	dst = append(append(append(dst, utf8), name...), 0)
	return append(dst, text...)
}

// syncsafe appends n in four bytes of seven bits.
func syncsafe(dst []byte, n int) []byte {
	return append(dst, byte(n>>21&0x7f), byte(n>>14&0x7f), byte(n>>7&0x7f), byte(n&0x7f))
}

package sntp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// PacketSize is the size of a packet without extension fields.
// Spec: RFC 5905 §7.3.
const PacketSize = 48

// What a packet is refused for (CL12).
var (
	// ErrNotReply means no packet of a server: too short, another version or mode.
	ErrNotReply = errors.New("not a time server's reply")
	// ErrNotOurs means a reply to a question that was not asked.
	ErrNotOurs = errors.New("reply to another question")
	// ErrUnsynchronised means a server that does not know the time itself.
	ErrUnsynchronised = errors.New("server has no time")
	// ErrTimestamps means times that cannot be.
	ErrTimestamps = errors.New("server's timestamps cannot be")
	// ErrDistance means a server too far from its reference to be of use.
	ErrDistance = errors.New("server is too far from its reference clock")
)

// KissError is a server that does not want to be asked ("kiss of death").
// Spec: RFC 5905 §7.4.
type KissError struct {
	// Code is four letters, such as RATE or DENY; others than printable ones
	// are shown as dots.
	Code string
}

// Error says what the server wants.
func (e *KissError) Error() string {
	switch e.Code {
	case "RATE":
		return "server asks to be asked less often (RATE)"
	case "DENY", "RSTR":
		return "server refuses to answer (" + e.Code + ")"
	}
	return "server gives no time (" + e.Code + ")"
}

const (
	clientMode = 3
	serverMode = 4
	version    = 4

	leapUnknown = 3
	maxStratum  = 15
	// maxDistance is the worst root distance of a usable server.
	// Spec: RFC 5905 §11.2 MAXDIST.
	maxDistance = time.Second
)

// Reply is a time server's packet. Timestamps are those of NTP: 32 bits of
// seconds and 32 bits of fraction, of an era that [Timestamp.Near] tells.
type Reply struct {
	Leap, Version, Mode int
	Stratum             int
	// Precision is how finely the server reads its clock.
	Precision time.Duration
	// RootDelay and RootDispersion tell how far it is from its reference.
	RootDelay, RootDispersion time.Duration
	// RefID is the kiss code where Stratum is 0.
	RefID [4]byte
	// Reference is when the server's clock was last set, Origin what the request
	// carried, Receive and Transmit when the server read and answered it.
	Reference, Origin, Receive, Transmit Timestamp
}

// AppendRequest adds a request to b. A server echoes the nonce, which stands in
// the place of a timestamp that would tell about the asking machine.
func AppendRequest(b []byte, nonce uint64) []byte {
	b = append(b, version<<3|clientMode)
	b = append(b, make([]byte, PacketSize-9)...)
	return binary.BigEndian.AppendUint64(b, nonce)
}

// ParseReply reads a packet. What follows its first 48 bytes (extension fields,
// a digest) is not looked at. Errors: ErrNotReply.
func ParseReply(b []byte) (Reply, error) {
	if len(b) < PacketSize {
		return Reply{}, fmt.Errorf("%w: %d bytes", ErrNotReply, len(b))
	}
	r := Reply{
		Leap: int(b[0] >> 6), Version: int(b[0] >> 3 & 7), Mode: int(b[0] & 7),
		Stratum:        int(b[1]),
		Precision:      precision(int8(b[3])),
		RootDelay:      short(b[4:]),
		RootDispersion: short(b[8:]),
		RefID:          [4]byte(b[12:]),
		Reference:      stamp(b[16:]), Origin: stamp(b[24:]), Receive: stamp(b[32:]), Transmit: stamp(b[40:]),
	}
	if r.Mode != serverMode || r.Version < 3 || r.Version > version {
		return Reply{}, fmt.Errorf("%w: version %d, mode %d", ErrNotReply, r.Version, r.Mode)
	}
	return r, nil
}

// Check says whether r answers the request with that nonce and gives a time
// that can be used (CL12). Errors: ErrNotOurs, a *KissError, ErrUnsynchronised,
// ErrTimestamps, ErrDistance.
func (r Reply) Check(nonce uint64) error {
	switch {
	case r.Origin != Timestamp(nonce):
		return ErrNotOurs
	case r.Stratum == 0:
		return &KissError{Code: printable(r.RefID)}
	case r.Leap == leapUnknown || r.Stratum > maxStratum:
		return ErrUnsynchronised
	case r.Receive == 0 || r.Transmit == 0:
		return fmt.Errorf("%w: none given", ErrTimestamps)
	case r.Transmit.Sub(r.Receive) < 0:
		return fmt.Errorf("%w: answered before it was asked", ErrTimestamps)
	case r.Reference != 0 && r.Transmit.Sub(r.Reference) < 0:
		return fmt.Errorf("%w: set in its own future", ErrTimestamps)
	case r.Distance() >= maxDistance:
		return fmt.Errorf("%w: %v", ErrDistance, r.Distance())
	}
	return nil
}

// Distance bounds the server's own error: half the delay to its reference, the
// dispersion on the way, and how finely it reads its clock.
func (r Reply) Distance() time.Duration { return r.RootDelay/2 + r.RootDispersion + r.Precision }

func printable(id [4]byte) string {
	for i, c := range id {
		if c < ' ' || c > '~' {
			id[i] = '.'
		}
	}
	return string(id[:])
}

// short reads 16 bits of seconds and 16 bits of fraction.
func short(b []byte) time.Duration {
	return time.Duration(uint64(binary.BigEndian.Uint32(b)) * uint64(time.Second) >> 16)
}

// precision is 2^exponent s, at most an hour and at least a nanosecond.
func precision(exponent int8) time.Duration {
	switch {
	case exponent > 11:
		return time.Hour
	case exponent >= 0:
		return time.Second << exponent
	case exponent > -30:
		return time.Second >> -exponent
	}
	return 1
}

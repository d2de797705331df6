package rtmp

import "github.com/cuelight/cuelight/internal/media"

// maxUnits is how many units one frame may have.
const maxUnits = 1024

// split takes a frame as RTMP carries it apart into what media.Frame holds.
//
// Errors: *ingest.Error with CodeMalformed.
func split(codec media.Codec, f format, body []byte) ([][]byte, error) {
	switch codec.(type) {
	case *media.H264, *media.HEVC:
		return splitUnits(f.lengthSize, body)
	case *media.AV1:
		return splitOBUs(body)
	}
	if len(body) == 0 {
		return nil, nil
	}
	return [][]byte{body}, nil
}

// splitUnits cuts NAL units, each after its length of size bytes. Empty ones
// are left out.
func splitUnits(size int, body []byte) ([][]byte, error) {
	var units [][]byte
	for len(body) > 0 {
		if len(body) < size {
			return nil, malformed("a picture is cut off")
		}
		n := 0
		for _, digit := range body[:size] {
			n = n<<8 | int(digit)
		}
		body = body[size:]
		if n > len(body) {
			return nil, malformed("a picture is cut off")
		}
		if n > 0 {
			units = append(units, body[:n:n])
			body = body[n:]
		}
		if len(units) > maxUnits {
			return nil, malformed("a picture of more than %d units", maxUnits)
		}
	}
	return units, nil
}

// Types of OBU. Spec: AV1 §6.2.2.
const (
	obuSequenceHeader    = 1
	obuTemporalDelimiter = 2
	obuPadding           = 15
)

// splitOBUs cuts the OBUs of a temporal unit and takes their size fields away.
// Delimiters and padding are left out. Spec: AV1 §5.3.
func splitOBUs(body []byte) ([][]byte, error) {
	const hasSize, hasExtension = 0x02, 0x04
	b := bytesLeft{rest: body}
	var units [][]byte
	for len(b.rest) > 0 {
		header := []byte{b.byte()}
		first := header[0]
		if first&hasExtension != 0 {
			header = append(header, b.byte())
		}
		size := len(b.rest)
		if first&hasSize != 0 {
			size = b.leb128()
		}
		payload := b.take(size)
		if b.short || first&0x80 != 0 || len(units) == maxUnits {
			return nil, malformed("an AV1 picture makes no sense")
		}
		if t := first >> 3 & 0xf; t == obuTemporalDelimiter || t == obuPadding {
			continue
		}
		header[0] &^= hasSize
		units = append(units, append(header, payload...))
	}
	return units, nil
}

// leb128 reads a number of seven bits a byte, up to 32 bits.
func (b *bytesLeft) leb128() int {
	v := 0
	for shift := 0; shift < 56; shift += 7 {
		digit := b.byte()
		v |= int(digit&0x7f) << shift
		if digit&0x80 == 0 {
			break
		}
	}
	if v > maxMessage {
		b.short = true
	}
	return v
}

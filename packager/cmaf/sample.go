package cmaf

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// NALUnits joins NAL units with four-byte lengths, as avc1 and hvc1 samples
// need them. Spec: ISO/IEC 14496-15 §5.3.4.2, §8.3.3.
func NALUnits(units [][]byte) ([]byte, error) {
	out, err := h264.AVCC(units).Marshal()
	if err != nil {
		return nil, fmt.Errorf("join NAL units: %w", err)
	}
	return out, nil
}

var errOBU = errors.New("join OBUs: one is empty or has the forbidden bit set")

// The bits of an OBU header. Spec: AV1 Bitstream & Decoding Process §5.3.2.
const (
	obuForbidden = 0x80
	obuExtension = 0x04
	obuHasSize   = 0x02
)

// OBUs joins the OBUs of a temporal unit, each with its size, as av01 samples
// need them. An OBU that has a size already is taken as it is.
// Spec: AV1 Codec ISO Media File Format Binding §2.4.
func OBUs(units [][]byte) ([]byte, error) {
	size := 0
	for _, u := range units {
		size += len(u) + binary.MaxVarintLen32
	}
	out := make([]byte, 0, size)
	for _, u := range units {
		if len(u) == 0 || u[0]&obuForbidden != 0 {
			return nil, errOBU
		}
		if u[0]&obuHasSize != 0 {
			out = append(out, u...)
			continue
		}
		head := 1
		if u[0]&obuExtension != 0 {
			head = 2
		}
		if len(u) < head {
			return nil, errOBU
		}
		out = append(out, u[0]|obuHasSize)
		out = append(out, u[1:head]...)
		out = binary.AppendUvarint(out, uint64(len(u)-head)) // leb128 (§4.10.5)
		out = append(out, u[head:]...)
	}
	return out, nil
}

package rtsp

import "github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"

// Fields of an OBU's first byte. Spec: AV1 §5.3.2.
const (
	obuHasSize   = 0x02
	obuExtension = 0x04
)

// bareOBUs returns OBUs without their size fields, which RTP may carry, and
// without temporal delimiters, which say nothing here.
func bareOBUs(units [][]byte) [][]byte {
	var bare [][]byte
	for _, u := range units {
		if len(u) == 0 || av1.OBUType(u[0]>>3&0xf) == av1.OBUTypeTemporalDelimiter {
			continue
		}
		if u = withoutSize(u); u != nil {
			bare = append(bare, u)
		}
	}
	return bare
}

// withoutSize returns nil for an OBU whose size makes no sense.
func withoutSize(unit []byte) []byte {
	if unit[0]&obuHasSize == 0 {
		return unit
	}
	header := 1
	if unit[0]&obuExtension != 0 {
		header = 2
	}
	if len(unit) <= header {
		return nil
	}
	var size av1.LEB128
	n, err := size.Unmarshal(unit[header:])
	if err != nil || int64(size) > int64(len(unit)-header-n) {
		return nil
	}
	bare := append([]byte{unit[0] &^ obuHasSize}, unit[1:header]...)
	return append(bare, unit[header+n:header+n+int(size)]...)
}

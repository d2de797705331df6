package ingest

const (
	// tinyOpus is how long a packet of silence may be: a TOC byte and at most
	// what says that nothing follows.
	tinyOpus = 3
	// maxOpusFrames are in a packet: 120 ms of 2.5 ms each.
	maxOpusFrames = 48
)

// isSilentOpus reports whether an Opus packet holds nothing to hear: it is too
// short for anything, or all its frames are CELT with the silence flag.
// Spec: RFC 6716 §3.1 and §4.3.
func isSilentOpus(packet []byte) bool {
	const firstCELT = 16
	if len(packet) <= tinyOpus {
		return len(packet) > 0
	}
	if packet[0]>>3 < firstCELT {
		return false
	}
	sizes, n, data := opusFrames(packet)
	for _, size := range sizes[:n] {
		if size > len(data) || !isSilentCELT(data[:size]) {
			return false
		}
		data = data[size:]
	}
	return n > 0
}

// isSilentCELT reads the flag that begins a CELT frame: its probability is
// 1/2^15, which the range coder writes as fifteen ones. A frame of one byte
// stands for none.
func isSilentCELT(frame []byte) bool {
	return len(frame) < 2 || frame[0] == 0xff && frame[1]>>1 == 0x7f
}

// opusFrames returns the sizes of a packet's frames and where they begin; none
// when it makes no sense. Spec: RFC 6716 §3.2.
func opusFrames(packet []byte) (sizes [maxOpusFrames]int, n int, data []byte) {
	data = packet[1:]
	switch packet[0] & 3 {
	case 0:
		sizes[0], n = len(data), 1
	case 1:
		sizes[0], sizes[1], n = len(data)/2, len(data)/2, 2
	case 2:
		size, used := opusSize(data)
		data = data[used:]
		sizes[0], sizes[1], n = size, max(0, len(data)-size), 2
	default:
		return manyOpusFrames(data)
	}
	return sizes, n, data
}

// manyOpusFrames reads a packet of code 3 after its TOC byte.
func manyOpusFrames(data []byte) (sizes [maxOpusFrames]int, n int, _ []byte) {
	const variable, padded, count = 0x80, 0x40, 0x3f
	head := data[0]
	data = data[1:]
	n = int(head & count)
	if n == 0 || n > maxOpusFrames {
		return sizes, 0, nil
	}
	if head&padded != 0 {
		data = withoutPadding(data)
	}
	if head&variable == 0 {
		for i := range n {
			sizes[i] = len(data) / n
		}
		return sizes, n, data
	}
	sum := 0
	for i := range n - 1 {
		size, used := opusSize(data)
		data = data[used:]
		sizes[i] = size
		sum += size
	}
	sizes[n-1] = max(0, len(data)-sum)
	return sizes, n, data
}

// opusSize reads a frame's length in one or two bytes.
func opusSize(data []byte) (size, used int) {
	const twoBytes = 252
	switch {
	case len(data) == 0:
		return 0, 0
	case data[0] < twoBytes || len(data) == 1:
		return int(data[0]), 1
	}
	return 4*int(data[1]) + int(data[0]), 2
}

// withoutPadding cuts off as many bytes as the head says.
func withoutPadding(data []byte) []byte {
	padding := 0
	for len(data) > 0 {
		b := int(data[0])
		data = data[1:]
		if b < 255 {
			padding += b
			break
		}
		padding += 254
	}
	return data[:max(0, len(data)-padding)]
}

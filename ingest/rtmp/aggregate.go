package rtmp

// maxAggregated is how many messages one may hold.
const maxAggregated = 4096

// readAggregate takes the messages out of one that holds several, each written
// as an FLV tag. Their times count from that of the whole.
// Spec: RTMP 1.0 §7.1.6.
func readAggregate(m message) ([]message, error) {
	const backPointer = 4
	b := bytesLeft{rest: m.body}
	var inner []message
	var first uint32
	for len(b.rest) > 0 {
		kind, size := b.byte(), b.uint24()
		at := uint32(b.uint24())
		at |= uint32(b.byte()) << 24
		b.take(3) // message stream
		body := b.take(size)
		if b.short || len(inner) == maxAggregated {
			return nil, malformed("an aggregate message is cut off")
		}
		b.take(min(backPointer, len(b.rest)))
		if len(inner) == 0 {
			first = at
		}
		inner = append(inner, message{kind: kind, stream: m.stream, time: m.time + at - first, body: body})
	}
	return inner, nil
}

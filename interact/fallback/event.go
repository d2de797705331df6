package fallback

import (
	"bytes"
	"net/http"
	"time"
)

// slowWrite is what an event takes at least if its reader is why the gateway
// gives a connection up: as long as that waits for its bye to be read.
const slowWrite = time.Second

// keptBuffer is the largest buffer that a stream keeps between two events.
const keptBuffer = 8 << 10

// events writes a stream of server-sent events. It belongs to one goroutine.
// Spec: HTML, 9.2 Server-sent events.
type events struct {
	w    http.ResponseWriter
	out  *http.ResponseController
	wait time.Duration // for one event to leave
	buf  []byte
	slow time.Time // when one last took slowWrite or longer
}

// begin returns the events of an answer and sends nothing yet.
func begin(w http.ResponseWriter, wait time.Duration) *events {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // nginx would collect events
	return &events{w: w, out: http.NewResponseController(w), wait: wait}
}

// send writes one event and waits until it is on its way. An event without a
// name is a message.
func (e *events) send(name string, data []byte) error {
	e.buf = appendEvent(e.buf[:0], name, data)
	return e.flush()
}

// beat writes a comment, which readers ignore and proxies do not.
func (e *events) beat() error {
	e.buf = append(e.buf[:0], ":\n\n"...)
	return e.flush()
}

// flush holds the deadline only while something is written: over HTTP/2 it
// would otherwise end a stream that is merely silent.
func (e *events) flush() error {
	start := time.Now()
	_ = e.out.SetWriteDeadline(start.Add(e.wait)) // not every connection has one; those that do not are tests'
	_, err := e.w.Write(e.buf)
	if err == nil {
		err = e.out.Flush()
	}
	_ = e.out.SetWriteDeadline(time.Time{})
	if now := time.Now(); now.Sub(start) >= slowWrite {
		e.slow = now
	}
	if cap(e.buf) > keptBuffer {
		e.buf = nil
	}
	return err
}

// stuck reports whether the reader was too slow lately.
func (e *events) stuck() bool { return !e.slow.IsZero() && time.Since(e.slow) < e.wait }

// appendEvent adds an event to b. A line feed in its data begins another line
// of data, so that nothing inside can end the event.
func appendEvent(b []byte, name string, data []byte) []byte {
	if name != "" {
		b = append(b, "event: "...)
		b = append(b, name...)
		b = append(b, '\n')
	}
	for line := range bytes.Lines(data) {
		b = append(b, "data: "...)
		b = append(b, bytes.TrimRight(line, "\r\n")...)
		b = append(b, '\n')
	}
	return append(b, '\n')
}

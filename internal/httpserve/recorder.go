package httpserve

import (
	"bufio"
	"cmp"
	"io"
	"net"
	"net/http"
)

// recorder notes what a handler answered. It belongs to one request.
type recorder struct {
	http.ResponseWriter
	conn   *conn    // nil if it cannot be corked
	frames []string // the Content-Security-Policy of pages
	status int      // 0 until the header is out
	bytes  int64
}

func (r *recorder) code() int { return cmp.Or(r.status, http.StatusOK) }

// begin notes the first final status, when the header is about to go out.
func (r *recorder) begin(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
		protect(r.Header(), r.frames)
	}
}

// WriteHeader notes the first final status.
func (r *recorder) WriteHeader(status int) {
	r.begin(status)
	r.ResponseWriter.WriteHeader(status)
}

// Write notes how much went out.
func (r *recorder) Write(b []byte) (int, error) {
	r.begin(http.StatusOK)
	n, err := r.write(b)
	r.bytes += int64(n)
	return n, err
}

func (r *recorder) write(b []byte) (int, error) {
	if len(b) > corkFrom && r.conn != nil && r.framed() {
		return r.writeCorked(b)
	}
	return r.ResponseWriter.Write(b)
}

// corkFrom is more than net/http puts beside the head of an answer.
const corkFrom = 2 << 10

// framed reports whether net/http has nothing to find out from the body before
// it sends the head.
func (r *recorder) framed() bool {
	h := r.Header()
	return len(h["Content-Length"]) == 1 && len(h["Content-Type"]) > 0
}

// writeCorked sends the head, if it is not out yet, and b at once.
func (r *recorder) writeCorked(b []byte) (n int, err error) {
	r.conn.cork()
	defer func() { err = cmp.Or(err, r.conn.uncork()) }()
	out := http.NewResponseController(r.ResponseWriter)
	if err := out.Flush(); err != nil {
		return 0, err
	}
	if n, err = r.ResponseWriter.Write(b); err == nil {
		err = out.Flush()
	}
	return n, err
}

// ReadFrom keeps sendfile working for files.
func (r *recorder) ReadFrom(src io.Reader) (int64, error) {
	r.begin(http.StatusOK)
	n, err := io.Copy(r.ResponseWriter, src)
	r.bytes += n
	return n, err
}

// Flush sends what was written so far.
func (r *recorder) Flush() { _ = r.FlushError() } // the next Write tells

// FlushError is Flush for http.ResponseController, which wants to know.
func (r *recorder) FlushError() error {
	r.begin(http.StatusOK)
	return http.NewResponseController(r.ResponseWriter).Flush()
}

// Hijack hands the connection over, as the listener accepted it. Errors:
// http.ErrNotSupported over HTTP/2.
func (r *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	taken, rw, err := http.NewResponseController(r.ResponseWriter).Hijack()
	if err == nil {
		r.status, r.conn = http.StatusSwitchingProtocols, nil
	}
	if plain, ok := taken.(*conn); ok {
		taken = plain.TCPConn // whoever takes it may want to set its buffers
	}
	return taken, rw, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

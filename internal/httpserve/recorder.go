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
	status int // 0 until the header is out
	bytes  int64
}

func (r *recorder) code() int { return cmp.Or(r.status, http.StatusOK) }

// WriteHeader notes the first final status.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write notes how much went out.
func (r *recorder) Write(b []byte) (int, error) {
	r.status = r.code()
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// ReadFrom keeps sendfile working for files.
func (r *recorder) ReadFrom(src io.Reader) (int64, error) {
	r.status = r.code()
	n, err := io.Copy(r.ResponseWriter, src)
	r.bytes += n
	return n, err
}

// Flush sends what was written so far.
func (r *recorder) Flush() {
	r.status = r.code()
	_ = http.NewResponseController(r.ResponseWriter).Flush() // the next Write tells
}

// Hijack hands the connection over. Errors: http.ErrNotSupported over HTTP/2.
func (r *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(r.ResponseWriter).Hijack()
	if err == nil {
		r.status = http.StatusSwitchingProtocols
	}
	return conn, rw, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

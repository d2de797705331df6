package httpserve

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// Request is what Config.Observe is told of a finished request.
type Request struct {
	Method string
	// Pattern is the http.ServeMux pattern that matched, "" if none did. It has
	// few values, unlike a path.
	Pattern string
	// Status is 101 for a connection that was taken over.
	Status   int
	Bytes    int64 // of the response's body
	Duration time.Duration
}

// recorders are used again: a request costs no memory here.
var recorders = sync.Pool{New: func() any { return new(recorder) }}

// wrap puts around h what every listener needs.
func wrap(h http.Handler, cfg Config) http.Handler {
	frames := []string{"frame-ancestors " + cfg.FrameAncestors}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		fromProxy(r, cfg.TrustedProxies)
		rec := recorders.Get().(*recorder)
		*rec = recorder{ResponseWriter: w, conn: connOf(r), frames: frames}
		if r.ContentLength != 0 { // unknown counts as a body
			// Not every connection has deadlines; those that do not are tests'.
			_ = http.NewResponseController(w).SetReadDeadline(start.Add(cfg.BodyTimeout))
		}
		defer finish(rec, r, start, &cfg)
		h.ServeHTTP(rec, r)
	})
}

// Values of headers that never change. A header map takes the slices as they
// are; a handler that wants others sets its own.
var (
	noSniff    = []string{"nosniff"}
	noReferrer = []string{"no-referrer"}
)

// protect says what browsers may do with an answer that they could take for a
// page. It leaves alone what the handler has said, and media, of which there
// are thousands a second.
func protect(h http.Header, frames []string) {
	if kind := h["Content-Type"]; len(kind) == 1 && isMedia(kind[0]) {
		return
	}
	setDefault(h, "X-Content-Type-Options", noSniff)
	setDefault(h, "Referrer-Policy", noReferrer)
	setDefault(h, "Content-Security-Policy", frames)
}

func setDefault(h http.Header, key string, values []string) {
	if _, said := h[key]; !said {
		h[key] = values
	}
}

// isMedia reports whether a Content-Type is that of a stream: no browser runs
// it, or shows it with anything of ours around.
func isMedia(kind string) bool {
	return strings.HasPrefix(kind, "video/") || strings.HasPrefix(kind, "audio/") || kind == "application/vnd.apple.mpegurl"
}

// finish is deferred around a handler. A panic there ends one request: the
// handler of a bad request must not take a live show down.
func finish(rec *recorder, r *http.Request, start time.Time, cfg *Config) {
	failure := recover()
	if failure != nil && failure != http.ErrAbortHandler {
		cfg.Log.Error("handler panicked", "method", r.Method, "path", cfg.Redact(r.URL.Path), "err", failure, "stack", string(debug.Stack()))
		if rec.status == 0 {
			http.Error(rec, "The server made a mistake. It has been logged.", http.StatusInternalServerError)
			failure = nil
		}
	}
	rec.begin(rec.code()) // net/http answers for a handler that did not
	took := time.Since(start)
	if cfg.Log.Enabled(r.Context(), slog.LevelDebug) {
		cfg.Log.Debug("request", "method", r.Method, "path", cfg.Redact(r.URL.Path), "status", rec.code(), "bytes", rec.bytes,
			"dur", took, "remote", r.RemoteAddr, "proto", r.Proto)
	}
	if cfg.Observe != nil {
		cfg.Observe(Request{Method: r.Method, Pattern: r.Pattern, Status: rec.code(), Bytes: rec.bytes, Duration: took})
	}
	if failure != nil {
		panic(http.ErrAbortHandler) // the response is half written: cut it off
	}
	*rec = recorder{}
	recorders.Put(rec)
}

package httpserve

import (
	"log/slog"
	"net/http"
	"runtime/debug"
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
		setHeaders(w.Header(), frames)
		rec := recorders.Get().(*recorder)
		*rec = recorder{ResponseWriter: w}
		if r.ContentLength != 0 { // unknown counts as a body
			// Not every connection has deadlines; those that do not are tests'.
			_ = http.NewResponseController(w).SetReadDeadline(start.Add(cfg.BodyTimeout))
		}
		defer finish(rec, r, start, &cfg)
		h.ServeHTTP(rec, r)
	})
}

// Values of headers that never change. A header map takes the slices as they
// are; a handler that wants others sets new ones.
var (
	noSniff    = []string{"nosniff"}
	noReferrer = []string{"no-referrer"}
)

func setHeaders(h http.Header, frames []string) {
	h["X-Content-Type-Options"] = noSniff
	h["Referrer-Policy"] = noReferrer
	h["Content-Security-Policy"] = frames
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

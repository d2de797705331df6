package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// readiness says whether this process should be sent viewers. It never says
// whether it should be killed: that is liveness, which asks nobody else.
type readiness struct {
	checks []check

	mu       sync.Mutex // protects draining
	draining bool
}

// check is one thing that has to be so.
type check struct {
	name string
	// why is what is missing, empty if nothing is. It returns within a second.
	why func(context.Context) string
}

// checkWait bounds all checks together.
const checkWait = 2 * time.Second

// drain makes the process not ready for good.
func (r *readiness) drain() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.draining = true
}

// missing is what keeps the process from being ready.
func (r *readiness) missing(ctx context.Context) []string {
	r.mu.Lock()
	draining := r.draining
	r.mu.Unlock()
	if draining {
		return []string{"stopping"}
	}
	ctx, cancel := context.WithTimeout(ctx, checkWait)
	defer cancel()
	var missing []string
	for _, c := range r.checks {
		if why := c.why(ctx); why != "" {
			missing = append(missing, fmt.Sprintf("%s: %s", c.name, why))
		}
	}
	return missing
}

// ServeHTTP answers 200 when ready, 503 with what is missing otherwise.
func (r *readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if missing := r.missing(req.Context()); len(missing) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, strings.Join(missing, "\n")) // the reader has gone if this fails
		return
	}
	fmt.Fprintln(w, "ok") // the reader has gone if this fails
}

package fallback

import (
	"net/http"
	"net/url"
	"strings"
)

// Origins are those whose pages may use what is not theirs. The zero value
// allows pages of the same host and programs that are no browser.
type Origins struct {
	any   bool
	named map[string]bool
}

// NewOrigins returns the origins of a list: "https://example.com", or "*" for
// any.
func NewOrigins(list []string) Origins {
	o := Origins{named: make(map[string]bool, len(list))}
	for _, origin := range list {
		o.any = o.any || origin == "*"
		o.named[strings.ToLower(origin)] = true
	}
	return o
}

// preflightLife is how long a browser remembers what a page may do, in seconds.
const preflightLife = "600"

// Permit reports whether the page that sent r may have it answered, and tells
// its browser so; headers are those it may send beside Content-Type and
// Authorization. Cookies are not for pages of other origins.
// Spec: Fetch, CORS protocol.
func (o Origins) Permit(w http.ResponseWriter, r *http.Request, headers ...string) bool {
	origin := r.Header.Get("Origin")
	w.Header().Add("Vary", "Origin")
	if origin == "" || sameHost(origin, r.Host) {
		return true
	}
	if !o.any && !o.named[strings.ToLower(origin)] {
		return false
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	w.Header().Set("Access-Control-Expose-Headers", "Retry-After, "+tryHeader)
	if r.Method == http.MethodOptions {
		w.Header().Set("Access-Control-Allow-Methods", http.MethodPost)
		w.Header().Set("Access-Control-Allow-Headers", strings.Join(append([]string{"Authorization", "Content-Type"}, headers...), ", "))
		w.Header().Set("Access-Control-Max-Age", preflightLife)
	}
	return true
}

func sameHost(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}

package whip

import (
	"net/http"
	"slices"
)

// allow lets web pages of other sites call. Spec: RFC 9725 §4.1; Fetch §3.2.
func (s *Server) allow(h http.Header, r *http.Request) {
	origin := "*"
	if len(s.cfg.Origins) > 0 {
		h.Add("Vary", "Origin")
		if origin = r.Header.Get("Origin"); !slices.Contains(s.cfg.Origins, origin) {
			return
		}
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "Location, ETag, Link, Accept-Patch, Retry-After")
}

// options answers a preflight, and who just wants to know.
func options(w http.ResponseWriter, methods string) {
	h := w.Header()
	h.Set("Allow", methods)
	h.Set("Access-Control-Allow-Methods", methods)
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

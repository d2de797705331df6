package httpserve

import (
	"net"
	"net/http"
	"strconv"
	"strings"
)

// RequireTLS sends clients that came without TLS to the same path on the TLS
// port, where they stay for this request only: the redirect is not remembered
// (307), so switching TLS off again strands nobody. Those who used TLS, also
// up to a trusted proxy, go on to next.
func RequireTLS(next http.Handler, port int) http.Handler {
	suffix := ""
	if port != 443 {
		suffix = ":" + strconv.Itoa(port)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil || r.URL.Scheme == "https" {
			next.ServeHTTP(w, r)
			return
		}
		host, ok := hostOf(r.Host)
		if !ok {
			http.Error(w, "this server speaks HTTPS; name it in the Host header", http.StatusBadRequest)
			return
		}
		h := w.Header()
		h.Set("Location", "https://"+host+suffix+r.URL.RequestURI())
		h.Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
}

// hostOf returns the name or address of a Host header, without its port and
// fit for a URL.
func hostOf(header string) (string, bool) {
	host := header
	if name, _, err := net.SplitHostPort(header); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.Contains(host, ":") { // an IPv6 address
		if net.ParseIP(host) == nil {
			return "", false
		}
		return "[" + host + "]", true
	}
	for _, c := range host {
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_'
		if !plain {
			return "", false
		}
	}
	return host, host != ""
}

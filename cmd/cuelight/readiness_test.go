package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestReadiness(t *testing.T) {
	missing := "no answer"
	r := &readiness{checks: []check{
		{"redis", func(context.Context) string { return missing }},
		{"clock", func(context.Context) string { return "" }},
	}}
	ask := func() (int, string) {
		w := httptest.NewRecorder()
		adminRoutes(nil, r).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	if code, text := ask(); code != http.StatusServiceUnavailable || text != "redis: no answer" {
		t.Errorf("without redis: %d %q", code, text)
	}
	for _, path := range []string{"/livez", "/healthz"} {
		w := httptest.NewRecorder()
		adminRoutes(nil, r).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusOK {
			t.Errorf("%s depends on what others do: %d", path, w.Code)
		}
	}
	missing = ""
	if code, text := ask(); code != http.StatusOK || text != "ok" {
		t.Errorf("with everything: %d %q", code, text)
	}
	r.drain()
	if code, text := ask(); code != http.StatusServiceUnavailable || text != "stopping" {
		t.Errorf("while draining: %d %q", code, text)
	}
}

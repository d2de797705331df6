package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/api"
	"github.com/cuelight/cuelight/internal/token"
)

func TestSession(t *testing.T) {
	r := newRig(t)
	none := []string{"Authorization", ""}
	r.failed(r.do("GET", "/api/v1/session", "", none...), 401, interact.CodeDenied, "")

	w := r.do("POST", "/api/v1/session", `{"token":"`+r.tok+`"}`, none...)
	if w.Code != http.StatusNoContent || len(w.Result().Cookies()) != 1 {
		t.Fatalf("sign-in: %d %s", w.Code, w.Body)
	}
	c := w.Result().Cookies()[0]
	if c.Name != api.Cookie || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Secure || c.Expires.IsZero() {
		t.Errorf("cookie = %+v", c)
	}
	with := append(none, "Cookie", c.Name+"="+c.Value)
	var got struct {
		Role     string
		Channels []string
		Expires  int64 `json:"expires_us"`
	}
	w = r.do("GET", "/api/v1/session", "", with...)
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Role != "producer" || len(got.Channels) != 1 || got.Channels[0] != "show" ||
		got.Expires != c.Expires.UnixMicro() {
		t.Errorf("session = %s, %v", w.Body, err)
	}
	if w := r.do("GET", "/api/v1/channels/show/cues", "", with...); w.Code != 200 {
		t.Errorf("by cookie: %d", w.Code)
	}
	r.failed(r.do("GET", "/api/v1/session", "", append(with, "Authorization", "Bearer nonsense")...), 401, interact.CodeDenied, "")

	w = r.do("DELETE", "/api/v1/session", "", none...)
	if out := w.Result().Cookies(); w.Code != 204 || len(out) != 1 || out[0].Value != "" || out[0].MaxAge >= 0 {
		t.Errorf("sign-out: %d %+v", w.Code, out)
	}
}

func TestSignInRefused(t *testing.T) {
	r := newRig(t)
	for _, tok := range []string{"", "nonsense", r.mint(token.RoleViewer)} {
		w := r.do("POST", "/api/v1/session", `{"token":"`+tok+`"}`)
		r.failed(w, 401, interact.CodeDenied, "")
		if len(w.Result().Cookies()) != 0 {
			t.Errorf("a cookie for token %q", tok)
		}
	}
}

func TestSignInBehindTLS(t *testing.T) {
	r := newRig(t)
	req := httptest.NewRequest("POST", "https://show.test/api/v1/session", strings.NewReader(`{"token":"`+r.tok+`"}`))
	w := httptest.NewRecorder()
	r.api.ServeHTTP(w, req)
	if c := w.Result().Cookies(); len(c) != 1 || !c[0].Secure {
		t.Errorf("cookies = %+v, want one for TLS only", c)
	}
}

func TestSignInAttempts(t *testing.T) {
	r := newRig(t)
	attempt := func(remote, tok string) *httptest.ResponseRecorder {
		req := httptest.NewRequest("POST", "/api/v1/session", strings.NewReader(`{"token":"`+tok+`"}`))
		req.RemoteAddr = remote
		w := httptest.NewRecorder()
		r.api.ServeHTTP(w, req)
		return w
	}
	for range 10 {
		r.failed(attempt("192.0.2.1:4000", "guess"), 401, interact.CodeDenied, "")
	}
	w := attempt("192.0.2.1:4001", r.tok)
	r.failed(w, 429, interact.CodeTooMany, "Wait")
	if w.Header().Get("Retry-After") == "" {
		t.Error("AP6 429 without Retry-After")
	}
	if w := attempt("192.0.2.2:4000", r.tok); w.Code != 204 {
		t.Errorf("AP6 another address: %d", w.Code)
	}
}

func TestSignedIn(t *testing.T) {
	r := newRig(t)
	req := httptest.NewRequest("GET", "/ws/v1", nil)
	if _, ok := r.api.SignedIn(req); ok {
		t.Error("signed in without anything")
	}
	req.AddCookie(&http.Cookie{Name: api.Cookie, Value: r.tok})
	if claims, ok := r.api.SignedIn(req); !ok || claims.Subject != "ann" || !claims.May("show") || claims.May("other") {
		t.Errorf("claims = %+v, %v", claims, ok)
	}
}

func TestEveryRouteIsDescribed(t *testing.T) {
	r := newRig(t)
	w := r.do("GET", "/api/v1/openapi.json", "", "Authorization", "")
	var doc struct {
		OpenAPI string                                `json:"openapi"`
		Paths   map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || w.Code != 200 || doc.OpenAPI != "3.1.0" {
		t.Fatalf("AP7 openapi.json: %d %v", w.Code, err)
	}
	manual, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	described := 0
	for _, ops := range doc.Paths {
		for method := range ops {
			if method != "parameters" {
				described++
			}
		}
	}
	for _, rt := range api.Routes() {
		method, path, _ := strings.Cut(rt, " ")
		if doc.Paths[path][strings.ToLower(method)] == nil {
			t.Errorf("AP7 %s is not in openapi.json", rt)
		}
		if !strings.Contains(string(manual), "`"+rt+"`") {
			t.Errorf("AP7 `%s` is not in docs/api.md", rt)
		}
	}
	if described != len(api.Routes()) {
		t.Errorf("AP7 openapi.json has %d operations, the API %d", described, len(api.Routes()))
	}
}

// TestOpenAPIReferences finds references that lead nowhere.
func TestOpenAPIReferences(t *testing.T) {
	data, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	var walk func(node any)
	walk = func(node any) {
		switch n := node.(type) {
		case map[string]any:
			if ref, ok := n["$ref"].(string); ok && !leads(doc, ref) {
				t.Errorf("AP7 %s leads nowhere", ref)
			}
			for _, v := range n {
				walk(v)
			}
		case []any:
			for _, v := range n {
				walk(v)
			}
		}
	}
	walk(doc)
}

func leads(doc any, ref string) bool {
	for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		object, ok := doc.(map[string]any)
		if !ok || object[step] == nil {
			return false
		}
		doc = object[step]
	}
	return true
}

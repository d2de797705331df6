package certs

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestOrdersKeepTheirAddress has an ACME server that says where an order is
// when it is made, and not when it is finalized.
func TestOrdersKeepTheirAddress(t *testing.T) {
	const order, finalize = "https://ca.example.org/order/1", "https://ca.example.org/order/1/finalize"
	made := 0
	server := roundTrip(func(r *http.Request) (*http.Response, error) {
		answer := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}"))}
		switch r.URL.Path {
		case "/new-order":
			answer.StatusCode = http.StatusCreated
			answer.Header.Set("Location", order)
			answer.Body = io.NopCloser(strings.NewReader(`{"status":"pending","finalize":"` + finalize + strings.Repeat("/", made) + `"}`))
			made++
		case "/new-account":
			answer.StatusCode = http.StatusCreated
			answer.Header.Set("Location", "https://ca.example.org/account/1")
		}
		return answer, nil
	})
	client := &orders{next: server}
	ask := func(url string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	ask("https://ca.example.org/new-account")
	first := ask("https://ca.example.org/new-order")
	if text, err := io.ReadAll(first.Body); err != nil || !strings.Contains(string(text), finalize) {
		t.Errorf("the order's text was eaten: %q, %v", text, err)
	}
	if at := ask("https://ca.example.org/challenge").Header.Get("Location"); at != "" {
		t.Errorf("another answer got the address %s", at)
	}
	if at := ask(finalize).Header.Get("Location"); at != order {
		t.Errorf("finalized, the order is at %q, want %s", at, order)
	}
	for range 2 * maxOrders {
		ask("https://ca.example.org/new-order")
	}
	if n := len(client.open); n == 0 || n > maxOrders {
		t.Errorf("%d orders remembered, want 1 to %d", n, maxOrders)
	}
}

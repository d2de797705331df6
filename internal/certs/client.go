package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
)

// httpClient talks to the ACME server until life ends.
func httpClient(life context.Context, root string) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if root != "" {
		text, err := os.ReadFile(root)
		if err != nil {
			return nil, fmt.Errorf("acme.root: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("acme.root: no PEM certificate in %s", root)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Timeout: callTimeout, Transport: &orders{next: mortal(life, transport)}}, nil
}

// roundTrip makes a function a RoundTripper.
type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip calls f.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// mortal ends requests with life. The manager's own context would keep them
// going for minutes after a stop. It always ends that context, and so frees
// what is hooked up here.
func mortal(life context.Context, next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		ctx, cancel := context.WithCancel(r.Context())
		unhook := context.AfterFunc(life, cancel)
		context.AfterFunc(ctx, func() { unhook() })
		return next.RoundTrip(r.WithContext(ctx))
	})
}

// orders adds the order's address to the answer that finalizes it. The acme
// package asks there whether the certificate is ready; ACME servers are free
// to leave the header out, and some do. Spec: RFC 8555 §7.4.
type orders struct {
	next http.RoundTripper

	mu   sync.Mutex
	open map[string]string // under mu: addresses of orders, by where they are finalized
}

const (
	maxOrders    = 4 * maxHosts // that are remembered
	maxOrderSize = 1 << 20      // bytes of an order's JSON
)

// RoundTrip passes r on.
func (o *orders) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := o.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	const location = "Location"
	at := answer.Header.Get(location)
	switch {
	case answer.StatusCode == http.StatusCreated && at != "":
		if err := o.remember(answer, at); err != nil {
			return nil, err
		}
	case answer.StatusCode == http.StatusOK && at == "" && r.Method == http.MethodPost:
		o.mu.Lock()
		defer o.mu.Unlock()
		if at, known := o.open[r.URL.String()]; known {
			answer.Header.Set(location, at)
			delete(o.open, r.URL.String())
		}
	}
	return answer, nil
}

// remember notes where the order, if that is what was made, is finalized.
func (o *orders) remember(answer *http.Response, at string) error {
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxOrderSize))
	answer.Body.Close()
	if err != nil {
		return fmt.Errorf("read order: %w", err)
	}
	answer.Body = io.NopCloser(bytes.NewReader(text))
	var order struct {
		Finalize string `json:"finalize"`
	}
	if json.Unmarshal(text, &order) != nil || order.Finalize == "" {
		return nil // an account, or nonsense that the acme package will find
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open == nil || len(o.open) >= maxOrders {
		o.open = make(map[string]string)
	}
	o.open[order.Finalize] = at
	return nil
}

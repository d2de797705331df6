package main

import (
	"crypto/hmac"
	"encoding/base64"
	"net/http"

	"github.com/cuelight/cuelight/internal/token"
)

// peerHeader carries the proof that another node asks.
const peerHeader = "Cuelight-Node"

// peers is the key by which nodes know each other's requests. What is sent is
// good for one method and address alone: who has seen it can ask the same
// again, and nothing else.
type peers []byte

func newPeers(keys *token.Keys) (peers, error) { return keys.Derive("requests between nodes") }

func (p peers) proof(r *http.Request) string {
	return base64.RawURLEncoding.EncodeToString(token.Sum(p, r.Method, r.URL.RequestURI()))
}

// know reports whether another node sent r, in a time that tells nothing.
func (p peers) know(r *http.Request) bool {
	return hmac.Equal([]byte(r.Header.Get(peerHeader)), []byte(p.proof(r)))
}

// only lets other nodes in, and nobody else.
func (p peers) only(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.know(r) {
			http.Error(w, "this address is for nodes with the same secret", http.StatusUnauthorized)
			return
		}
		r.Header.Del(peerHeader)
		h.ServeHTTP(w, r)
	})
}

// signing is a transport of requests to other nodes.
type signing struct {
	peers peers
	next  http.RoundTripper
}

// RoundTrip sends r with the proof that a node sent it.
func (s signing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(peerHeader, s.peers.proof(r))
	return s.next.RoundTrip(r)
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
)

// barePath is where the bare server learns what to answer.
const barePath = "/bench/answer"

// sent is what a server answered.
type sent struct {
	Header http.Header
	Body   []byte
}

// addBare answers everything with what it was given last. It is the least that
// any handler behind net/http can cost: it looks for nothing and decides nothing.
func addBare(mux *http.ServeMux) http.Handler {
	var given atomic.Pointer[sent]
	mux.HandleFunc("PUT "+barePath, func(w http.ResponseWriter, r *http.Request) {
		a := new(sent)
		if err := json.NewDecoder(r.Body).Decode(a); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		given.Store(a)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, hlsPath) {
			mux.ServeHTTP(w, r)
			return
		}
		a, h := given.Load(), w.Header()
		for key, values := range a.Header {
			h[key] = values
		}
		w.Write(a.Body) // a viewer that left cannot be told
	})
}

// measureBare has a bare server send what st sends for a file. The encoder of
// st goes on meanwhile.
func measureBare(ctx context.Context, st *stage, file string, s settings) (_ *getFigures, err error) {
	a, err := fetchAnswer(ctx, st.url+file)
	if err != nil {
		return nil, err
	}
	p, err := startRole(ctx, "bare net/http", roleBare)
	if err != nil {
		return nil, err
	}
	defer func() {
		if failed := p.stop(); err == nil {
			err = failed
		}
	}()
	text, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	if err := put(ctx, p.url+barePath, string(text)); err != nil {
		return nil, err
	}
	return measureGet(ctx, &stage{peer: p, name: p.name, encoder: st.encoder}, file, s.getTime)
}

// fetchAnswer asks as the generator does.
func fetchAnswer(ctx context.Context, url string) (*sent, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := asker.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("get %s: %s", url, resp.Status)
	}
	resp.Header.Del("Date") // net/http writes its own
	return &sent{resp.Header, body}, err
}

func put(ctx context.Context, url, text string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, url, strings.NewReader(text))
	if err != nil {
		return err
	}
	resp, err := asker.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("put %s: %s", url, resp.Status)
	}
	return nil
}

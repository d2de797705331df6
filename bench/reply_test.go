package main

import (
	"bytes"
	"strings"
	"testing"
)

const (
	fixed   = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\ncontent-length: 5\r\n\r\nhello"
	chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"
	trailed = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"
	empty   = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
	changed = "HTTP/1.1 304 Not Modified\r\nEtag: \"x\"\r\n\r\n"
)

// However the bytes of an answer are cut, it is the same answer.
func TestReplyInPieces(t *testing.T) {
	for _, tc := range []struct {
		name, answer, body string
		status             int
		gzip               bool
	}{
		{"a length", fixed, "hello", 200, false},
		{"chunks", chunked, "hello", 200, true},
		{"chunks and a trailer", trailed, "hello", 200, false},
		{"no body", empty, "", 404, false},
		{"no body by status", changed, "", 304, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for size := 1; size <= len(tc.answer); size++ {
				var r reply
				r.begin(true)
				done := false
				for rest := []byte(tc.answer); len(rest) > 0; {
					if done {
						t.Fatalf("pieces of %d: complete with %d bytes to come", size, len(rest))
					}
					piece := bytes.Clone(rest[:min(size, len(rest))])
					rest = rest[len(piece):]
					var err error
					if done, err = r.take(piece); err != nil {
						t.Fatalf("pieces of %d: %v", size, err)
					}
					clear(piece) // whoever reads uses the buffer again
				}
				if !done || string(r.body) != tc.body || r.size != len(tc.body) || r.status != tc.status || r.gzip != tc.gzip {
					t.Fatalf("pieces of %d: done %v, %d, gzip %v, %q", size, done, r.status, r.gzip, r.body)
				}
			}
		})
	}
}

func TestReplyRefuses(t *testing.T) {
	for name, answer := range map[string]string{
		"another protocol":      "SSH-2.0-OpenSSH\r\n\r\n",
		"a status of letters":   "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
		"a negative length":     "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"a length of letters":   "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
		"no length":             "HTTP/1.1 200 OK\r\n\r\n",
		"a field without colon": "HTTP/1.1 200 OK\r\nContent-Length\r\n\r\n",
		"a header without end":  "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2*headLimit),
		"a chunk of letters":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
		"a chunk that goes on":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
		"a second answer":       empty + empty,
	} {
		var r reply
		r.begin(false)
		if done, err := r.take([]byte(answer)); err == nil {
			t.Errorf("%s: done %v, want an error", name, done)
		}
	}
}

func FuzzReply(f *testing.F) {
	for _, s := range []string{fixed, chunked, trailed, empty, changed} {
		f.Add([]byte(s), 3)
	}
	f.Fuzz(func(t *testing.T, answer []byte, size int) {
		if size < 1 || len(answer) > 1<<16 {
			return
		}
		read := func(size int) (reply, bool, error) {
			var r reply
			r.begin(true)
			for rest := answer; len(rest) > 0; {
				piece := rest[:min(size, len(rest))]
				rest = rest[len(piece):]
				if done, err := r.take(piece); done || err != nil {
					return r, done, err
				}
			}
			return r, false, nil
		}
		whole, done, err := read(max(1, len(answer)))
		if err != nil {
			return
		}
		pieces, donePieces, err := read(size)
		if err != nil || done != donePieces || !bytes.Equal(whole.body, pieces.body) || whole.status != pieces.status {
			t.Errorf("in one piece: %v %d %q; in pieces of %d: %v %d %q, %v",
				done, whole.status, whole.body, size, donePieces, pieces.status, pieces.body, err)
		}
	})
}

package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// reply takes an HTTP/1.1 answer apart as its bytes come. It does no more than
// a viewer needs, so that the generator costs little beside the server: the
// status, whether the body is compressed, and where the body ends.
// Spec: RFC 9112 §6, §7.1.
type reply struct {
	keep bool   // whether body is wanted
	body []byte // of the answer, if it is wanted

	status int
	gzip   bool
	size   int // bytes of the body so far

	stage   stageOfReply
	head    []byte // what has come of a header, or of a chunk's first line
	left    int    // bytes that are still to come of the body or the chunk
	chunked bool
}

type stageOfReply uint8

const (
	inHead stageOfReply = iota
	inBody
	inChunkSize
	inChunk
	inChunkEnd // the end of line behind a chunk
	inTrailer
)

const (
	headLimit = 8 << 10
	bodyLimit = 64 << 20
)

var (
	endOfLine = []byte("\r\n")
	endOfHead = []byte("\r\n\r\n")

	errHead  = errors.New("answer has a header that cannot be read")
	errChunk = errors.New("answer has a chunk that cannot be read")
)

// begin makes r ready for the next answer.
func (r *reply) begin(keep bool) {
	*r = reply{keep: keep, body: r.body[:0], head: r.head[:0]}
}

// take reads what came and reports whether the answer is complete. Nothing may
// follow it: one request is under way at a time.
func (r *reply) take(b []byte) (done bool, err error) {
	for {
		if b, done, err = r.step(b); done || err != nil || len(b) == 0 {
			break
		}
	}
	if err == nil && done && len(b) > 0 {
		err = fmt.Errorf("%d bytes follow the answer", len(b))
	}
	return done, err
}

func (r *reply) step(b []byte) (rest []byte, done bool, err error) {
	switch r.stage {
	case inHead:
		return r.takeHead(b)
	case inBody, inChunk:
		return r.takeBody(b)
	case inChunkSize:
		return r.takeChunkSize(b)
	case inChunkEnd:
		line, rest, ok, err := r.line(b)
		if ok && len(line) > 0 {
			err = errChunk
		}
		if ok {
			r.stage = inChunkSize
		}
		return rest, false, err
	default:
		line, rest, ok, err := r.line(b)
		return rest, ok && len(line) == 0, err
	}
}

// line returns the next line without its end, once it is whole. It is valid
// until the next one.
func (r *reply) line(b []byte) (line, rest []byte, ok bool, err error) {
	at := bytes.IndexByte(b, '\n')
	if at < 0 {
		if r.head = append(r.head, b...); len(r.head) > headLimit {
			return nil, nil, false, errHead
		}
		return nil, nil, false, nil
	}
	line, rest = b[:at+1], b[at+1:]
	if len(r.head) > 0 {
		line = append(r.head, line...)
		r.head = line[:0]
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), rest, true, nil
}

func (r *reply) takeHead(b []byte) (rest []byte, done bool, err error) {
	head := b
	if before := len(r.head); before > 0 {
		r.head = append(r.head, b...)
		head = r.head
		b = b[len(b):]
	}
	end := bytes.Index(head, endOfHead)
	if end < 0 {
		if len(r.head) == 0 {
			r.head = append(r.head, b...)
		}
		if len(r.head) > headLimit {
			return nil, false, errHead
		}
		return nil, false, nil
	}
	rest = head[end+len(endOfHead):]
	if err := r.readHead(head[:end]); err != nil {
		return nil, false, err
	}
	r.stage = inBody
	if r.chunked {
		r.stage = inChunkSize
	}
	if len(r.head) > 0 { // rest lies in it
		rest = bytes.Clone(rest)
		r.head = r.head[:0]
	}
	return rest, !r.chunked && r.left == 0, nil
}

// readHead reads the status line and those fields that say how the body ends.
func (r *reply) readHead(head []byte) error {
	line, fields, _ := bytes.Cut(head, endOfLine)
	const version, code = "HTTP/1.1 ", 3
	if len(line) < len(version)+code || string(line[:len(version)]) != version {
		return errHead
	}
	var err error
	if r.status, err = strconv.Atoi(string(line[len(version) : len(version)+code])); err != nil || r.status < 200 {
		return errHead
	}
	sized := r.status == 204 || r.status == 304
	for len(fields) > 0 {
		line, fields, _ = bytes.Cut(fields, endOfLine)
		name, value, ok := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case !ok:
			return errHead
		case named(name, "Content-Length"):
			if r.left, err = strconv.Atoi(string(value)); err != nil || r.left < 0 || r.left > bodyLimit {
				return errHead
			}
			sized = true
		case named(name, "Transfer-Encoding"):
			r.chunked = string(value) == "chunked"
		case named(name, "Content-Encoding"):
			r.gzip = string(value) == "gzip"
		}
	}
	if !sized && !r.chunked {
		return fmt.Errorf("answer %d does not say how long it is", r.status)
	}
	return nil
}

func named(name []byte, is string) bool {
	return len(name) == len(is) && bytes.EqualFold(name, []byte(is))
}

func (r *reply) takeBody(b []byte) (rest []byte, done bool, err error) {
	n := min(r.left, len(b))
	r.left -= n
	if r.size += n; r.size > bodyLimit {
		return nil, false, errors.New("answer is too long")
	}
	if r.keep {
		r.body = append(r.body, b[:n]...)
	}
	if r.left > 0 {
		return nil, false, nil
	}
	if r.chunked {
		r.stage = inChunkEnd
		return b[n:], false, nil
	}
	return b[n:], true, nil
}

func (r *reply) takeChunkSize(b []byte) (rest []byte, done bool, err error) {
	line, rest, ok, err := r.line(b)
	if !ok {
		return nil, false, err
	}
	digits, _, _ := bytes.Cut(line, []byte(";"))
	size, err := strconv.ParseUint(string(bytes.TrimSpace(digits)), 16, 31)
	if err != nil || size > bodyLimit {
		return nil, false, errChunk
	}
	r.left, r.stage = int(size), inChunk
	if size == 0 {
		r.stage = inTrailer
	}
	return rest, false, nil
}

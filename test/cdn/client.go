package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// answerWait is longer than the edge waits for the origin.
const answerWait = 25 * time.Second

// bodyLimit is more than any playlist or part has.
const bodyLimit = 16 << 20

// client is one connection of a player, kept alive.
type client struct {
	conn net.Conn
	in   *bufio.Reader
	out  []byte
	host string
	body bytes.Buffer // of the last answer, compressed if it came so
}

func dial(ctx context.Context, addr string) (*client, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, in: bufio.NewReaderSize(conn, 2048), host: addr}, nil
}

// get asks for an object and reads the whole answer into c.body.
func (c *client) get(path string) (*http.Response, error) {
	c.out = append(append(append(c.out[:0], "GET "...), path...), " HTTP/1.1\r\nHost: "...)
	c.out = append(append(c.out, c.host...), "\r\nAccept-Encoding: gzip\r\n\r\n"...)
	c.conn.SetDeadline(time.Now().Add(answerWait))
	if _, err := c.conn.Write(c.out); err != nil {
		return nil, fmt.Errorf("ask for %s: %w", path, err)
	}
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, fmt.Errorf("answer to %s: %w", path, err)
	}
	defer answer.Body.Close()
	c.body.Reset()
	if _, err := c.body.ReadFrom(io.LimitReader(answer.Body, bodyLimit)); err != nil {
		return nil, fmt.Errorf("answer to %s: %w", path, err)
	}
	return answer, nil
}

// text is the last answer's body, unpacked.
func (c *client) text(answer *http.Response) ([]byte, error) {
	if answer.Header.Get("Content-Encoding") != "gzip" {
		return c.body.Bytes(), nil
	}
	r, err := gzip.NewReader(&c.body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, bodyLimit))
}

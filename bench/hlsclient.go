package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// hlsClient is one viewer's HTTP/1.1 connection, kept alive. It asks for
// nothing compressed, because only one of the servers could send that.
type hlsClient struct {
	conn net.Conn
	in   *bufio.Reader
	out  []byte
	host string
	body bytes.Buffer // of the last answer
}

// answerWait is longer than any server holds a request.
const answerWait = 15 * time.Second

func dialHLS(ctx context.Context, base string) (*hlsClient, error) {
	host := strings.TrimPrefix(base, "http://")
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	return &hlsClient{conn: conn, in: bufio.NewReader(conn), host: host}, nil
}

// get asks for a file and reads the whole answer into c.body.
func (c *hlsClient) get(path, query string) error {
	c.out = append(c.out[:0], "GET "...)
	c.out = append(append(c.out, path...), query...)
	c.out = append(append(c.out, " HTTP/1.1\r\nHost: "...), c.host...)
	c.out = append(c.out, "\r\nUser-Agent: cuelight-bench\r\n\r\n"...)
	c.conn.SetDeadline(time.Now().Add(answerWait))
	if _, err := c.conn.Write(c.out); err != nil {
		return fmt.Errorf("ask for %s%s: %w", path, query, err)
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return fmt.Errorf("answer to %s%s: %w", path, query, err)
	}
	defer resp.Body.Close()
	c.body.Reset()
	if _, err := c.body.ReadFrom(resp.Body); err != nil {
		return fmt.Errorf("answer to %s%s: %w", path, query, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answer to %s%s: %s: %.200s", path, query, resp.Status, bytes.TrimSpace(c.body.Bytes()))
	}
	return nil
}

// findPlaylist returns the path of the media playlist with the pictures.
func findPlaylist(ctx context.Context, base string) (string, error) {
	c, err := dialHLS(ctx, base)
	if err != nil {
		return "", err
	}
	defer c.conn.Close()
	if err := c.get(hlsPath, "index.m3u8"); err != nil {
		return "", err
	}
	uri, err := firstURI(c.body.Bytes())
	return hlsPath + uri, err
}

package rtsp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

const (
	// maxLine and maxHeaders bound a request's head, maxBody its SDP.
	maxLine    = 4 << 10
	maxHeaders = 64
	maxBody    = 16 << 10
	// dollar begins binary data between requests. Spec: RFC 2326 §10.12.
	dollar = '$'
)

var errRequest = errors.New("this is not an RTSP request")

// request is what a client asks.
type request struct {
	method string
	url    string
	header map[string]string // by canonical name
	body   []byte
}

// packet is one RTP or RTCP packet.
type packet struct {
	track   int
	control bool // RTCP
	data    []byte
	arrival time.Time
}

// message is a request or a packet.
type message struct {
	request *request
	packet  packet
	size    int // bytes on the wire
}

// readMessage reads what comes next on the connection.
//
// Errors: errRequest, or the reader's.
func readMessage(r *bufio.Reader) (message, error) {
	first, err := r.Peek(1)
	if err != nil {
		return message{}, err
	}
	if first[0] == dollar {
		return readInterleaved(r)
	}
	req, size, err := readRequest(r)
	return message{request: req, size: size}, err
}

// readInterleaved reads a packet: even channels are RTP, odd ones RTCP.
func readInterleaved(r *bufio.Reader) (message, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return message{}, err
	}
	data := make([]byte, int(head[2])<<8|int(head[3]))
	if _, err := io.ReadFull(r, data); err != nil {
		return message{}, err
	}
	p := packet{track: int(head[1]) / 2, control: head[1]%2 == 1, data: data, arrival: time.Now()}
	return message{packet: p, size: len(head) + len(data)}, nil
}

func readRequest(r *bufio.Reader) (*request, int, error) {
	line, err := readLine(r)
	if err != nil {
		return nil, 0, err
	}
	size := len(line)
	parts := strings.Split(line, " ")
	if len(parts) != 3 || !strings.HasPrefix(parts[2], "RTSP/1.") {
		return nil, 0, errRequest
	}
	req := &request{method: parts[0], url: parts[1], header: make(map[string]string)}
	for n := 0; ; n++ {
		line, err := readLine(r)
		if err != nil {
			return nil, 0, err
		}
		size += len(line)
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || n == maxHeaders {
			return nil, 0, errRequest
		}
		req.header[textproto.CanonicalMIMEHeaderKey(name)] = strings.TrimSpace(value)
	}
	if req.body, err = readBody(r, req.header["Content-Length"]); err != nil {
		return nil, 0, err
	}
	return req, size + len(req.body), nil
}

// readLine reads up to a line feed. The buffer's size is the limit.
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", errRequest
	}
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

func readBody(r *bufio.Reader, length string) ([]byte, error) {
	if length == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 || n > maxBody {
		return nil, errRequest
	}
	body := make([]byte, n)
	_, err = io.ReadFull(r, body)
	return body, err
}

// response is what we answer.
type response struct {
	status int
	reason string
	header [][2]string
}

var okResponse = response{status: 200, reason: "OK"}

// marshal writes the response to req.
func (a response) marshal(req *request) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "RTSP/1.0 %d %s\r\n", a.status, a.reason)
	if seq, err := strconv.Atoi(req.header["Cseq"]); err == nil {
		fmt.Fprintf(&b, "CSeq: %d\r\n", seq)
	}
	for _, h := range a.header {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n")
	return []byte(b.String())
}

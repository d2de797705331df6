package fallback

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

const (
	// MaxMessages is how many messages one request may hold.
	MaxMessages = 16
	// maxBody has room for as many, with some space between them.
	maxBody = MaxMessages * (wire.MaxClientMessage + 2)
)

// messages passes the messages of a request on, in their order: all or, if one
// makes no sense, none.
func (s *Streams) messages(w http.ResponseWriter, r *http.Request) {
	one := s.session(w, r)
	if one == nil {
		return
	}
	if !one.allow(time.Now(), s.lim) {
		s.tooMany(w)
		return
	}
	body, ok := s.body(w, r, maxBody)
	if !ok {
		return
	}
	posts, err := parse(body)
	if err != nil {
		s.counted.bad.Add(1)
		refuse(w, http.StatusBadRequest, interact.CodeInvalid, "Nothing was taken: "+err.Error()+".")
		return
	}
	for _, p := range posts {
		if s.post(one, p) != nil {
			s.over(w)
			return
		}
	}
	w.WriteHeader(http.StatusAccepted)
}

// session returns the stream of a request, nil if it has answered.
func (s *Streams) session(w http.ResponseWriter, r *http.Request) *session {
	one := s.sessions.of(r)
	if one == nil {
		s.over(w)
	}
	return one
}

func (s *Streams) over(w http.ResponseWriter) {
	s.counted.unknown.Add(1)
	refuse(w, http.StatusNotFound, interact.CodeUnknown, "This stream is over, or never was. Open another one with POST "+PathStream+".")
}

func (s *Streams) tooMany(w http.ResponseWriter) {
	s.counted.limited.Add(1)
	refuse(w, http.StatusTooManyRequests, interact.CodeTooMany, "Too many requests for this stream. Wait a moment.")
}

// post is one message of a request: the answer to a ping, or what the gateway
// is to read.
type post struct {
	pong *wire.Alive
	data []byte
}

func (s *Streams) post(one *session, p post) error {
	if p.pong == nil {
		s.counted.messages.Add(1)
		return one.send(p.data, s.lim.WriteWait)
	}
	answered, err := one.ponged(p.pong.Nonce, s.lim.WriteWait)
	if answered {
		s.counted.pongs.Add(1)
	}
	return err
}

// parse returns the messages of a body: one, or a list.
func parse(body []byte) ([]post, error) {
	raw := []json.RawMessage{body}
	if bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte{'['}) {
		raw = nil
		if err := json.Unmarshal(body, &raw); err != nil {
			return nil, fmt.Errorf("the list is not JSON: %w", err)
		}
	}
	if len(raw) == 0 || len(raw) > MaxMessages {
		return nil, fmt.Errorf("%d messages, between 1 and %d are taken at once", len(raw), MaxMessages)
	}
	posts := make([]post, 0, len(raw))
	for i, data := range raw {
		p, err := parseOne(data)
		if err != nil {
			return nil, fmt.Errorf("message %d: %w", i+1, err)
		}
		posts = append(posts, p)
	}
	return posts, nil
}

func parseOne(data []byte) (post, error) {
	if len(data) > wire.MaxClientMessage {
		return post{}, fmt.Errorf("%d bytes are more than %d", len(data), wire.MaxClientMessage)
	}
	m, err := wire.DecodeClient(data)
	if err != nil {
		return post{}, err
	}
	switch m := m.(type) {
	case *wire.Hello:
		return post{}, fmt.Errorf("hello comes once, with POST %s", PathStream)
	case *wire.Alive:
		return post{pong: m}, nil
	default:
		return post{data: data}, nil
	}
}

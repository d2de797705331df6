package fallback

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

// Names of events that are no messages.
const (
	EventSession = "session" // the first: {"session","clock_epoch"}
	EventPing    = "ping"    // {"nonce"}, to be sent back in a pong
)

// stream opens a stream and relays until one of its ends closes.
func (s *Streams) stream(w http.ResponseWriter, r *http.Request) {
	hello, channel, ok := s.hello(w, r)
	if !ok {
		return
	}
	if !s.sessions.reserve() {
		s.counted.refused.Add(1)
		refuse(w, http.StatusServiceUnavailable, interact.CodeBusy, "There are too many streams. Try again shortly.")
		return
	}
	one, id, err := s.connect(r, channel)
	if err != nil {
		s.notOpened(w, err)
		return
	}
	defer s.sessions.close(one)
	defer one.ws.Close()
	s.counted.opened.Add(1)
	since := time.Now()
	s.cfg.Log.Debug("stream opened", "remote", r.RemoteAddr)
	err = s.relay(r.Context(), one, id, hello, begin(w, s.lim.WriteWait))
	s.cfg.Log.Debug("stream ended", "remote", r.RemoteAddr, "dur", time.Since(since), "err", err)
}

// connect opens the stream's connection in the place that is reserved for it,
// which it gives back if there will be none.
func (s *Streams) connect(r *http.Request, channel string) (one *session, id string, err error) {
	defer func() {
		if one == nil {
			s.sessions.release()
		}
	}()
	ws, err := s.dial(r, channel)
	if err != nil {
		return nil, "", err
	}
	one, id = s.sessions.open(ws)
	return one, id, nil
}

// hello reads and checks the body of the request for a stream and returns it
// with the channel it names. It reports false if it has answered.
func (s *Streams) hello(w http.ResponseWriter, r *http.Request) (body []byte, channel string, ok bool) {
	body, ok = s.body(w, r, wire.MaxClientMessage)
	if !ok {
		return nil, "", false
	}
	m, err := wire.DecodeClient(body)
	hello, ok := m.(*wire.Hello)
	if err != nil || !ok {
		s.counted.bad.Add(1)
		refuse(w, http.StatusBadRequest, interact.CodeInvalid, `The body is a hello: {"t":"hello","v":1,"channel":"…"}.`)
		return nil, "", false
	}
	return body, hello.Channel, true
}

// body reads a request's body. It reports false if it has answered.
func (s *Streams) body(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, bool) {
	in := http.NewResponseController(w)
	_ = in.SetReadDeadline(time.Now().Add(s.lim.BodyWait)) // not every connection has one; those that do not are tests'
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err == nil {
		// From here on reading only tells that the client has left. Where the body
		// did not come, the deadline stays for what the server reads of it.
		_ = in.SetReadDeadline(time.Time{})
		return body, true
	}
	s.counted.bad.Add(1)
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		refuse(w, http.StatusRequestEntityTooLarge, interact.CodeInvalid, fmt.Sprintf("The body is longer than %d bytes.", limit))
	} else {
		refuse(w, http.StatusBadRequest, interact.CodeInvalid, "The body did not arrive whole.")
	}
	return nil, false
}

func (s *Streams) notOpened(w http.ResponseWriter, err error) {
	s.counted.refused.Add(1)
	if refused, ok := errors.AsType[*gatewayRefusal](err); ok {
		pass(w, refused.answer)
		return
	}
	s.cfg.Log.Warn("stream not opened", "err", err)
	refuse(w, http.StatusServiceUnavailable, interact.CodeBusy, "The stream could not be opened. Try again.")
}

// letter is an event on its way from the socket to the stream.
type letter struct {
	name string
	data []byte
}

// relay sends what the gateway says as events. It returns when the gateway has
// closed, or when the other side is gone, with the reason.
func (s *Streams) relay(ctx context.Context, one *session, id string, hello []byte, out *events) error {
	if err := out.send(EventSession, s.introduction(id)); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	letters := make(chan letter)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer one.ws.Close() // frees read
	defer cancel()
	reading.Go(func() { s.read(ctx, one, letters) })
	// A failure shows as the socket's end, after what the gateway still said.
	_ = one.send(hello, s.lim.WriteWait)
	return s.write(ctx, letters, out)
}

func (s *Streams) introduction(id string) []byte {
	data, err := json.Marshal(struct {
		Session    string `json:"session"`
		ClockEpoch uint32 `json:"clock_epoch"`
	}{id, s.cfg.Clock.Epoch()})
	if err != nil { // neither field can cause one
		panic(err)
	}
	return data
}

// read takes what the gateway writes to the socket, and closes letters at its
// end. It reads on only when the last letter is taken, so that the gateway sees
// how slow the stream is (GW2).
func (s *Streams) read(ctx context.Context, one *session, letters chan<- letter) {
	defer close(letters)
	defer s.recovered(func() { one.ws.Close() })
	pass := func(l letter) error {
		select {
		case letters <- l:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	one.ws.SetPingHandler(func(payload string) error {
		one.pinged(payload)
		return pass(letter{EventPing, fmt.Appendf(nil, `{"nonce":%q}`, nonceOf(payload))})
	})
	for {
		_, data, err := one.ws.ReadMessage()
		if err != nil || pass(letter{data: data}) != nil {
			return
		}
	}
}

// byePrefix is how the last message of a connection begins.
var byePrefix = []byte(`{"t":"bye"`)

func (s *Streams) write(ctx context.Context, letters <-chan letter, out *events) error {
	beat := time.NewTicker(s.lim.Beat)
	defer beat.Stop()
	said := false
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case l, more := <-letters:
			if !more {
				if said {
					return nil
				}
				return out.send("", unsaid(out.stuck()))
			}
			said = said || bytes.HasPrefix(l.data, byePrefix)
			if err := out.send(l.name, l.data); err != nil {
				return err
			}
			beat.Reset(s.lim.Beat)
		case <-beat.C:
			if err := out.beat(); err != nil {
				return err
			}
		}
	}
}

// comeBack is how long a client waits at least before it opens another stream.
const comeBack = 500 * time.Millisecond

// unsaid is the bye that the gateway could not say any more: it gives a
// connection up without one if it stops just then, or if its reader is stuck.
func unsaid(stuck bool) []byte {
	code := wire.CloseRestart
	if stuck {
		code = wire.CloseSlow
	}
	data, err := wire.Encode(&wire.Bye{Code: int(code), Reason: code.String(), Reconnect: code.Reconnect(), After: comeBack.Milliseconds()})
	if err != nil { // plain data
		panic(err)
	}
	return data
}

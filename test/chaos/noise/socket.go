package noise

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
)

// hold is a socket that was welcomed.
type hold struct {
	f       *Flood
	gateway string
	conn    *websocket.Conn
	token   string
	until   func() bool // stops ctx from closing it
}

// open connects to a gateway and says hello. It returns nil if that was refused,
// which is counted.
func (f *Flood) open(ctx context.Context, named bool, hello wire.Hello) *hold {
	h, reply := f.enter(ctx, one(f.Gateways), named, hello)
	if ctx.Err() == nil && reply != "" {
		f.counts.offer(1)
		f.counts.say(h != nil, socket, reply)
	}
	return h
}

// enter is open without counting. An empty reply is none.
func (f *Flood) enter(ctx context.Context, gateway string, named bool, hello wire.Hello) (_ *hold, reply string) {
	address := "ws" + strings.TrimPrefix(gateway, "http") + "/ws/v1"
	if named {
		address += "?channel=" + url.QueryEscape(hello.Channel)
	}
	conn, resp, err := f.dialer.DialContext(ctx, address, nil)
	if err != nil {
		if resp != nil {
			return nil, fmt.Sprint(resp.StatusCode)
		}
		return nil, ""
	}
	h := &hold{f: f, gateway: gateway, conn: conn, until: context.AfterFunc(ctx, func() { conn.Close() })}
	hello.Version = wire.Version
	if err := h.write(&hello); err != nil {
		h.close()
		return nil, ""
	}
	m, err := h.next()
	if w, ok := m.(*wire.Welcome); ok {
		h.token = w.Token
		return h, "101"
	}
	defer h.close()
	return nil, codeOf(m, err)
}

func (h *hold) close() {
	h.until()
	h.conn.Close()
}

func (h *hold) write(m wire.Message) error {
	data, err := wire.Encode(m)
	if err != nil {
		return err
	}
	return h.send(websocket.TextMessage, data)
}

func (h *hold) send(kind int, data []byte) error {
	if err := h.conn.SetWriteDeadline(time.Now().Add(replyWait)); err != nil {
		return err
	}
	return h.conn.WriteMessage(kind, data)
}

// next returns the next message that is of a known kind.
func (h *hold) next() (wire.Message, error) {
	for {
		if err := h.conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			return nil, err
		}
		kind, data, err := h.conn.ReadMessage()
		if err != nil {
			return nil, err
		}
		if kind != websocket.TextMessage {
			continue
		}
		m, err := wire.DecodeServer(data)
		if !errors.Is(err, wire.ErrUnknownType) {
			return m, err
		}
	}
}

// codeOf is the close code that a message or an error stands for, empty if it is
// none.
func codeOf(m wire.Message, err error) string {
	if bye, ok := m.(*wire.Bye); ok {
		return fmt.Sprint(bye.Code)
	}
	if ended, ok := errors.AsType[*websocket.CloseError](err); ok && ended.Code >= 4000 {
		return fmt.Sprint(ended.Code)
	}
	return ""
}

// listen counts replies to answers until the socket ends, and returns its close
// code.
func (h *hold) listen() (code string) {
	for {
		m, err := h.next()
		switch m := m.(type) {
		case *wire.Receipt:
			h.f.counts.say(true, answer, "receipt")
			if m.Cue == h.f.OtherCue {
				h.f.counts.taken("a receipt for cue %s of another channel", m.Cue)
			}
		case *wire.Refused:
			h.f.counts.say(false, answer, m.Code)
		case *wire.CueChanged:
			if m.Cue.ID == h.f.OtherCue {
				h.f.counts.taken("cue %s of another channel", m.Cue.ID)
			}
		}
		if code := codeOf(m, err); code != "" {
			return code
		}
		if err != nil {
			return ""
		}
	}
}

// answer sends one more answer to a cue.
func (h *hold) answer(cue string) error {
	h.f.counts.offer(1)
	return h.write(&wire.Answer{ID: fmt.Sprintf("n%d", rand.Uint64()), Cue: cue, Rev: 1, Choice: []int{rand.IntN(2)}})
}

// guest wants a socket, gives answers on it as often as it may, and leaves. Now
// and then one is to a question of another channel.
func (f *Flood) guest(ctx context.Context, who int) {
	h := f.open(ctx, who%2 == 0, f.viewer(""))
	if h == nil {
		return
	}
	defer h.close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.listen()
	}()
	defer func() { h.conn.Close(); <-ended }()
	for i := range stay {
		cue := f.Cue
		if i%8 == atOnce {
			cue = f.OtherCue
		}
		if h.answer(cue) != nil || i >= atOnce && !wait(ctx, ended, mayAnswer+rand.N(mayAnswer/2)) {
			return
		}
	}
}

// wait is pause that ends early when something else is over.
func wait(ctx context.Context, over <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-over:
	case <-ctx.Done():
	}
	return false
}

func (f *Flood) viewer(token string) wire.Hello {
	return wire.Hello{Channel: f.Channel, Role: wire.RoleViewer, Token: token}
}

// spam answers without a pause until it is thrown out, and tries to come back to
// the same node as the same viewer.
func (f *Flood) spam(ctx context.Context, _ int) {
	h := f.open(ctx, true, f.viewer(""))
	if h == nil {
		return
	}
	ended := make(chan string, 1)
	go func() { ended <- h.listen() }()
	for i := 0; i < 30 && h.answer(f.Cue) == nil; i++ {
		continue
	}
	t := time.AfterFunc(replyWait, func() { h.conn.Close() })
	code := <-ended
	t.Stop()
	h.close()
	if ctx.Err() != nil || code == "" {
		return
	}
	f.counts.note(sent, code)
	for range comeBack {
		if reply := f.back(ctx, h); reply != "503" || !pause(ctx, f.Every) {
			return
		}
	}
}

// back tries to come back as who had h, and returns what was said to it.
func (f *Flood) back(ctx context.Context, h *hold) (reply string) {
	in, reply := f.enter(ctx, h.gateway, true, f.viewer(h.token))
	if in != nil {
		in.close()
	}
	if ctx.Err() == nil && reply != "" {
		f.counts.offer(1)
		f.counts.say(in != nil, again, reply)
	}
	return reply
}

// rubbish is what no client sends.
var rubbish = []struct {
	kind int
	data []byte
}{
	{websocket.TextMessage, []byte("let me in")},
	{websocket.TextMessage, []byte(`{"t":"answer","id":7}`)},
	{websocket.TextMessage, []byte(strings.Repeat("x", wire.MaxClientMessage+1))},
	{websocket.TextMessage, []byte(`{"t":"hello","v":1,"channel":"` + strings.Repeat("[", 200) + `"}`)},
	{websocket.BinaryMessage, []byte("\x01\x02\x03")},
	{websocket.BinaryMessage, []byte("\xff\xff\xff\xff")},
}

// vandalise sends one thing that is no message.
func (f *Flood) vandalise(ctx context.Context, _ int) {
	h := f.open(ctx, true, f.viewer(""))
	if h == nil {
		return
	}
	defer h.close()
	bad := rubbish[rand.IntN(len(rubbish))]
	f.counts.offer(1)
	if h.send(bad.kind, bad.data) != nil {
		return
	}
	t := time.AfterFunc(replyWait, func() { h.conn.Close() })
	defer t.Stop()
	if code := h.listen(); ctx.Err() == nil && code != "" {
		f.counts.say(false, sent, code)
	}
}

// intrude comes to the other tenant's channel as its producer.
func (f *Flood) intrude(ctx context.Context) {
	h, reply := f.enter(ctx, one(f.Gateways), true, wire.Hello{Channel: f.Other, Role: wire.RoleProducer, Token: f.Token})
	if h != nil {
		h.close()
		f.counts.taken("a producer's socket of channel %s", f.Other)
	}
	if ctx.Err() == nil && reply != "" {
		f.counts.offer(1)
		f.counts.say(h != nil, breakIn, reply)
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/centrifugal/centrifuge"

	"github.com/cuelight/cuelight/interact/wire"
)

// The addresses of the peer built on the centrifuge library.
const (
	centrifugePath    = "/connection/websocket"
	centrifugePublish = "/bench/publish"
)

const centrifugeVersion = "v0.40.1"

// ballot does for the peer what a room does with an answer, but for the accept
// rule and the disk: it counts the first one of each participant and gives a
// receipt, to a retry the same.
type ballot struct {
	mu     sync.Mutex // protects everything below
	counts map[string][]uint64
	first  map[vote]wire.Receipt
}

// vote is what makes an answer unique.
type vote struct{ cue, participant string }

func (b *ballot) count(participant string, a *wire.Answer) (wire.Receipt, error) {
	if len(a.Choice) != 1 || a.Choice[0] < 0 || a.Choice[0] >= len(poll.Options) {
		return wire.Receipt{}, errors.New("unknown option")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if r, again := b.first[vote{a.Cue, participant}]; again {
		return r, nil
	}
	counts := b.counts[a.Cue]
	if counts == nil {
		counts = make([]uint64, len(poll.Options)+1)
		b.counts[a.Cue] = counts
	}
	counts[a.Choice[0]]++
	counts[len(poll.Options)]++ // all
	r := wire.Receipt{ID: a.ID, Cue: a.Cue, Choice: a.Choice, Seq: counts[len(poll.Options)], At: a.At, Level: "memory"}
	b.first[vote{a.Cue, participant}] = r
	return r, nil
}

// addCentrifuge serves viewers with the centrifuge library: its JSON protocol
// on WebSocket, every viewer subscribed to one channel, answers as calls.
func addCentrifuge(mux *http.ServeMux) error {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return fmt.Errorf("make a centrifuge node: %w", err)
	}
	var viewers atomic.Uint64
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{
			Credentials:    &centrifuge.Credentials{UserID: strconv.FormatUint(viewers.Add(1), 10)},
			Subscriptions:  map[string]centrifuge.SubscribeOptions{channel: {}},
			PingPongConfig: &centrifuge.PingPongConfig{PingInterval: -1, PongTimeout: -1}, // the crowd does not answer pings
		}, nil
	})
	b := &ballot{counts: make(map[string][]uint64), first: make(map[vote]wire.Receipt)}
	node.OnConnect(func(c *centrifuge.Client) {
		c.OnRPC(func(e centrifuge.RPCEvent, done centrifuge.RPCCallback) { done(b.call(c.UserID(), e.Data)) })
	})
	if err := node.Run(); err != nil {
		return fmt.Errorf("run a centrifuge node: %w", err)
	}
	mux.Handle(centrifugePath, centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		ReadBufferSize: 512, WriteBufferSize: 1024, UseWriteBufferPool: true,
	}))
	mux.HandleFunc("PUT "+centrifugePublish, func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(io.LimitReader(r.Body, wire.MaxClientMessage))
		if err == nil {
			_, err = node.Publish(channel, data)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	return nil
}

func (b *ballot) call(participant string, data []byte) (centrifuge.RPCReply, error) {
	var a wire.Answer
	if err := json.Unmarshal(data, &a); err != nil {
		return centrifuge.RPCReply{}, centrifuge.ErrorBadRequest
	}
	receipt, err := b.count(participant, &a)
	if err != nil {
		return centrifuge.RPCReply{}, centrifuge.ErrorBadRequest
	}
	reply, err := json.Marshal(receipt)
	return centrifuge.RPCReply{Data: reply}, err
}

// centrifugeHello is the first message of a viewer on the peer.
const centrifugeHello = `{"id":1,"connect":{}}`

// call is an answer on the peer's wire, and what it hears back.
type call struct {
	ID  int `json:"id"`
	RPC struct {
		Method string          `json:"method,omitempty"`
		Data   json.RawMessage `json:"data"`
	} `json:"rpc"`
}

// calls is a round of answers on the peer: as mirror, with receipts.
type calls struct{ mirror }

func (k *calls) begin(ctx context.Context, c *crowd) (instant, func(int) ([]byte, error), error) {
	at, message, err := k.mirror.begin(ctx, c)
	k.sent.ID = fmt.Sprintf("c%010d", now()) // counted apart from the round before
	return at, func(viewer int) ([]byte, error) {
		data, err := message(viewer)
		if err != nil {
			return nil, err
		}
		m := call{ID: 2}
		m.RPC.Method, m.RPC.Data = "answer", data
		return json.Marshal(m)
	}, err
}

// end checks that every viewer has a receipt of its own.
func (k *calls) end(_ context.Context, c *crowd) error {
	seen := make(map[uint64]bool, len(c.sockets))
	for i, s := range c.sockets {
		var m call
		var r wire.Receipt
		err := json.Unmarshal(s.reply, &m)
		if err == nil {
			err = json.Unmarshal(m.RPC.Data, &r)
		}
		if err != nil || r.ID != fmt.Sprintf("a%06d", i) || seen[r.Seq] {
			return fmt.Errorf("viewer %d heard %q", i+1, s.reply)
		}
		seen[r.Seq] = true
	}
	return nil
}

func socketOf(base, path string) string { return "ws" + strings.TrimPrefix(base, "http") + path }

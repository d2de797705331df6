package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cuelight/cuelight/interact"
)

const (
	// maxWhispers wait to be sent; what comes then is left out, since what is
	// whispered is said again, or nobody misses it.
	maxWhispers = 256
	whisperWait = time.Second
)

// whisperer sends what this node tells all others of a channel, in order and
// without keeping anybody waiting.
type whisperer struct {
	channel, node string
	bus           interact.Bus
	log           *slog.Logger

	queue   chan interact.Whisper
	dropped atomic.Uint64
}

func newWhisperer(channel, node string, bus interact.Bus, log *slog.Logger) *whisperer {
	return &whisperer{channel: channel, node: node, bus: bus, log: log, queue: make(chan interact.Whisper, maxWhispers)}
}

// say sends v to all nodes. It does not block.
func (w *whisperer) say(kind string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		w.log.Error("whisper not sent", "channel", w.channel, "err", err)
		return
	}
	select {
	case w.queue <- interact.Whisper{Kind: kind, Node: w.node, Data: data}:
	default:
		w.dropped.Add(1)
	}
}

// Run sends until ctx ends.
func (w *whisperer) Run(ctx context.Context) error {
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case one := <-w.queue:
			err := w.send(ctx, one)
			if err != nil {
				w.dropped.Add(1)
			}
			if err != nil && !failing && ctx.Err() == nil {
				w.log.Warn("other nodes are not told", "channel", w.channel, "err", err)
			}
			failing = err != nil
		}
	}
}

func (w *whisperer) send(ctx context.Context, one interact.Whisper) error {
	ctx, cancel := context.WithTimeout(ctx, whisperWait)
	defer cancel()
	return w.bus.Whisper(ctx, w.channel, one)
}

// packed packs plain data, which always can be.
func packed(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // no field of ours is a function or a channel
	}
	return data
}

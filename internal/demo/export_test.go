package demo

import (
	"context"
	"log/slog"

	"github.com/cuelight/cuelight/internal/media"
)

// Embedded is the clip's file as it is in the program.
var Embedded = embedded

// Play is the pacing of a broadcast without its connection.
func Play(ctx context.Context, c *Clip, write func(media.Frame) error) error {
	p := playout{clip: c, log: slog.New(slog.DiscardHandler)}
	return p.play(ctx, write)
}

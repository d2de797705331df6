package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/api"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/archive"
	"github.com/cuelight/cuelight/sync/clock"
)

// events is what producers may do with the media of channels.
func (srv *server) events() api.Events {
	return api.Events{
		End: func(ctx context.Context, channel string) (clock.Instant, error) {
			ch, ok := srv.channels[channel]
			if !ok {
				return 0, fmt.Errorf("end the event: no channel %s", channel)
			}
			at, err := ch.endEvent()
			if err == nil && srv.cluster != nil {
				srv.cluster.noteEnd(ctx, channel, at)
			}
			return at, err
		},
		Recordings: srv.recordingsOf,
		Delete:     srv.deleteRecording,
	}
}

// recordingsOf lists what was recorded of a channel.
func (srv *server) recordingsOf(_ context.Context, channel string) ([]api.Recording, error) {
	a := srv.archives[channel]
	if a == nil {
		return nil, nil
	}
	all, err := a.Recordings()
	if err != nil {
		return nil, fmt.Errorf("list recordings: %w", err)
	}
	out := make([]api.Recording, len(all))
	for i, r := range all {
		out[i] = api.Recording{
			ID: r.ID, Started: clock.InstantOf(r.Start), Duration: r.End.Sub(r.Start), Bytes: r.Bytes, Live: r.Open,
			URL: "/vod/" + channel + "/" + r.ID + "/" + packager.Index,
		}
	}
	return out, nil
}

func (srv *server) deleteRecording(_ context.Context, channel, id string) error {
	a := srv.archives[channel]
	if a == nil {
		return api.ErrNoRecording
	}
	switch err := a.Delete(id); {
	case errors.Is(err, archive.ErrNoRecording):
		return api.ErrNoRecording
	case errors.Is(err, archive.ErrRecording):
		return interact.Errorf(interact.CodeConflict, "This recording is being made: end the event first.")
	default:
		return err
	}
}

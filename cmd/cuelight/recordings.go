package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/cuelight/cuelight/interact/api"
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

// recordingsOf lists what was recorded of a channel, here and on the other nodes
// that run. What those have that do not answer is left out.
func (srv *server) recordingsOf(ctx context.Context, channel string) ([]api.Recording, error) {
	all, err := srv.recordingsHere(channel)
	if err != nil || srv.cluster == nil {
		return all, err
	}
	for _, r := range srv.cluster.shelves.list(ctx, channel) {
		all = append(all, r.Recording)
	}
	return all, nil
}

// recordingsHere lists what is on this machine's disk.
func (srv *server) recordingsHere(channel string) ([]api.Recording, error) {
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
			URL: recordingURL(channel, r.ID),
		}
	}
	return out, nil
}

// deleteRecording deletes a recording, wherever it is.
func (srv *server) deleteRecording(ctx context.Context, channel, id string) error {
	err := srv.deleteHere(channel, id)
	if srv.cluster != nil && errors.Is(err, api.ErrNoRecording) {
		return srv.cluster.deleteThere(ctx, channel, id)
	}
	return err
}

func (srv *server) deleteHere(channel, id string) error {
	a := srv.archives[channel]
	if a == nil {
		return api.ErrNoRecording
	}
	switch err := a.Delete(id); {
	case errors.Is(err, archive.ErrNoRecording):
		return api.ErrNoRecording
	case errors.Is(err, archive.ErrRecording):
		return errBeingMade
	default:
		return err
	}
}

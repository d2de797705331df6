package main

import (
	"net/http"

	"github.com/cuelight/cuelight/interact/fallback"
)

// openStreams puts streams for those without WebSocket before the gateway.
func (srv *server) openStreams() (err error) {
	srv.streams, err = fallback.New(fallback.Config{
		Gateway: srv.gateway,
		Clock:   srv.room,
		Origins: fallback.NewOrigins(srv.settings.Origins),
		Log:     srv.log,
	})
	return err
}

// permit reports whether the page that sent r may act as a viewer: the same
// may that may open a socket.
func (srv *server) permit(w http.ResponseWriter, r *http.Request) bool {
	return fallback.NewOrigins(srv.settings.Origins).Permit(w, r)
}

var (
	descStreams        = desc("stream_connections", "Open streams of viewers without WebSocket, which are among the sockets too.")
	descStreamsOpened  = desc("stream_opened_total", "Streams opened.")
	descStreamsRefused = desc("stream_refused_total", "Streams that were not opened.")
	descStreamRequests = desc("stream_requests_refused_total", "Requests of streams refused, by why.", "why")
	descStreamMessages = desc("stream_messages_total", "Messages that streams passed on.")
)

func collectStreams(s fallback.Stats, gauge, total meter) {
	gauge(descStreams, float64(s.Open))
	total(descStreamsOpened, float64(s.Opened))
	total(descStreamsRefused, float64(s.Refused))
	total(descStreamMessages, float64(s.Messages))
	total(descStreamRequests, float64(s.Bad), "bad")
	total(descStreamRequests, float64(s.Unknown), "unknown")
	total(descStreamRequests, float64(s.Limited), "limited")
}

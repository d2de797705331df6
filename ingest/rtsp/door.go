package rtsp

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/cuelight/cuelight/ingest"
)

// door lets connections in as the registry allows.
type door struct {
	net.Listener
	ctx      context.Context
	registry *ingest.Registry
	log      *slog.Logger
}

// Accept returns a *conn.
func (d *door) Accept() (net.Conn, error) {
	for {
		nc, err := d.wait()
		if err != nil {
			return nil, err
		}
		leave, ok := d.registry.Enter(protocol, nc.RemoteAddr().String())
		if !ok {
			nc.Close()
			continue
		}
		return newConn(nc, d.registry.HandshakeTimeout(), leave), nil
	}
}

const maxAcceptWait = time.Second

// wait tries again, ever more slowly, when the system is out of sockets.
func (d *door) wait() (net.Conn, error) {
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, maxAcceptWait) {
		nc, err := d.Listener.Accept()
		if err == nil || errors.Is(err, net.ErrClosed) {
			return nc, err
		}
		d.log.Warn("accept", "err", err)
		select {
		case <-d.ctx.Done():
			return nil, d.ctx.Err()
		case <-time.After(wait):
		}
	}
}

package main

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/cuelight/cuelight/ingest/srt"
)

// listeners are the ports of the server. Those that are off are nil.
type listeners struct {
	http, https, admin, rtmp, rtmps, rtsp net.Listener
	node                                  net.Listener // for other nodes
	srt                                   *srt.Listener
	clock                                 *net.UDPConn // others follow this server's clock here
}

// listen opens all ports or none.
func listen(s settings) (l listeners, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
			l = listeners{}
		}
	}()
	for _, p := range []struct {
		name, addr string
		to         *net.Listener
	}{
		{"http", s.HTTP, &l.http},
		{"https", s.HTTPS, &l.https},
		{"admin", s.Admin, &l.admin},
		{"rtmp", s.RTMP, &l.rtmp},
		{"rtmps", s.RTMPS, &l.rtmps},
		{"rtsp", s.RTSP, &l.rtsp},
		{"node-listen", s.Node.Listen, &l.node},
	} {
		if p.addr == off || p.addr == "" {
			continue
		}
		if *p.to, err = net.Listen("tcp", p.addr); err != nil {
			return l, portError(p.name, p.addr, err)
		}
	}
	if s.SRT != off {
		if l.srt, err = srt.Listen(s.SRT, s.Ingest.SRTLatency.Duration); err != nil {
			return l, portError("srt", s.SRT, err)
		}
	}
	if s.Clock.Answer != off {
		if l.clock, err = listenClock(s.Clock.Answer); err != nil {
			return l, fmt.Errorf("clock.answer: %w", err)
		}
	}
	return l, nil
}

func listenClock(address string) (*net.UDPConn, error) {
	addr, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, err
	}
	return net.ListenUDP("udp", addr)
}

func portError(name, addr string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s: %s is in use by another program: give another address with --%s or %s", name, addr, name, envName(name))
	}
	return fmt.Errorf("%s: %w", name, err)
}

// close closes all that are open. Whoever ran them has closed them already.
func (l listeners) close() error {
	var errs []error
	for _, ln := range []net.Listener{l.http, l.https, l.admin, l.rtmp, l.rtmps, l.rtsp, l.node} {
		if ln == nil {
			continue
		}
		if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if l.srt != nil {
		l.srt.Close()
	}
	if l.clock != nil {
		if err := l.clock.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

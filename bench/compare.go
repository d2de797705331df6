package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

func compareAnswers(ctx context.Context, s settings, w io.Writer) error {
	ours, err := answersOfProduct(ctx, s)
	if err != nil {
		return err
	}
	base, err := answersOfEcho(ctx, s)
	if err != nil {
		return err
	}
	t := table{
		title: fmt.Sprintf("Answers: %d sockets, %d cues, every viewer answers once as fast as the machine can send; every receipt agrees with the final tally",
			s.viewers, s.cues),
		ours: "cuelight", base: "bare gorilla echo",
	}
	t.addTime("server CPU per answer", micros, ours.server, base.server)
	t.add("resident memory per idle connection", kib, float64(ours.idleBytes), float64(base.idleBytes))
	t.add("answers per second", whole, ours.rate, base.rate)
	t.addTime("send to reply, p50", millis, ours.delays.at(0.5), base.delays.at(0.5))
	t.addTime("send to reply, p95", millis, ours.delays.at(0.95), base.delays.at(0.95))
	t.addTime("send to reply, p99", millis, ours.delays.at(0.99), base.delays.at(0.99))
	t.tell("other messages to viewers, per answer", number, ours.others, base.others)
	t.tell("generator CPU per answer", micros, float64(ours.client), float64(base.client))
	t.tell("machine taken by other programs", share, ours.busy, base.busy)
	t.print(w)
	return nil
}

func answersOfProduct(ctx context.Context, s settings) (_ *burstFigures, err error) {
	dir, err := os.MkdirTemp("", "cuelight-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program := s.program
	if program == "" {
		if program, err = buildProduct(ctx, dir); err != nil {
			return nil, err
		}
	}
	p, err := startProduct(ctx, program, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	return measureAnswers(ctx, p.peer, p.sockets(), s.viewers, s.cues, &show{producer: &p.producer})
}

func answersOfEcho(ctx context.Context, s settings) (_ *burstFigures, err error) {
	p, err := startRole(ctx, "bare gorilla echo", roleEcho)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	url := "ws" + strings.TrimPrefix(p.url, "http") + echoPath
	return measureAnswers(ctx, p, url, s.viewers, s.cues, new(mirror))
}

// hlsPeers are the two servers of the same clip.
var hlsPeers = []struct{ name, role string }{
	{"cuelight", roleCuelight},
	{"gohlslib " + gohlslibVersion, roleGohlslib},
}

func compareReload(ctx context.Context, s settings, w io.Writer) error {
	var both []*reloadFigures
	for _, hls := range hlsPeers {
		err := withRole(ctx, hls.name, hls.role, func(p *peer) error {
			f, err := measureReload(ctx, p, s.waiters, s.reloadTime)
			both = append(both, f)
			return err
		})
		if err != nil {
			return err
		}
	}
	ours, base := both[0], both[1]
	t := table{
		title: fmt.Sprintf("Blocking reload: %d viewers hold a request for the next part, three parts a second, %v", s.waiters, s.reloadTime),
		ours:  hlsPeers[0].name, base: hlsPeers[1].name,
	}
	t.addTime("server CPU per reload", micros, ours.server, base.server)
	t.add("allocations per reload", number, ours.mallocs, base.mallocs)
	t.add("bytes allocated per reload", kib, ours.bytes, base.bytes)
	t.addTime("part written to first answer, p50", millis, ours.wake.at(0.5), base.wake.at(0.5))
	t.addTime("part written to answer read, p50", millis, ours.written.at(0.5), base.written.at(0.5))
	t.addTime("part written to answer read, p99", millis, ours.written.at(0.99), base.written.at(0.99))
	t.addTime("first answer to answer read, p50", millis, ours.first.at(0.5), base.first.at(0.5))
	t.addTime("first answer to answer read, p99", millis, ours.first.at(0.99), base.first.at(0.99))
	t.tell("reloads answered", whole, float64(ours.answered), float64(base.answered))
	t.tell("asked after the part was there", whole, float64(ours.late), float64(base.late))
	t.tell("playlist", kib, float64(ours.playlist), float64(base.playlist))
	t.tell("machine taken by other programs", share, ours.busy, base.busy)
	t.print(w)
	return nil
}

func withRole(ctx context.Context, name, role string, measure func(*peer) error) error {
	p, err := startRole(ctx, name, role)
	if err != nil {
		return err
	}
	return errors.Join(measure(p), p.stop())
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// answerPeers are what the answers are measured against.
var answerPeers = []struct {
	name, role, path, greeting string
	round                      func() round
}{
	{"bare gorilla echo", roleEcho, echoPath, "", func() round { return new(mirror) }},
	{"centrifuge " + centrifugeVersion, roleCentri, centrifugePath, centrifugeHello, func() round { return new(calls) }},
}

func compareAnswers(ctx context.Context, s settings, w io.Writer) error {
	ours, err := answersOfProduct(ctx, s)
	if err != nil {
		return err
	}
	for _, base := range answerPeers {
		greeting := []byte(base.greeting)
		if base.greeting == "" {
			if greeting, err = hello(); err != nil {
				return err
			}
		}
		var theirs *burstFigures
		err := withRole(ctx, base.name, base.role, func(p *peer) (err error) {
			theirs, err = measureAnswers(ctx, p, socketOf(p.url, base.path), greeting, s.viewers, s.cues, base.round())
			return err
		})
		if err != nil {
			return err
		}
		answersTable(s, ours, theirs, base.name).print(w)
	}
	return nil
}

func answersTable(s settings, ours, base *burstFigures, name string) *table {
	t := &table{
		title: fmt.Sprintf("Answers: %d sockets, %d cues, every viewer answers once as fast as the machine can send; every receipt agrees with the final tally",
			s.viewers, s.cues),
		ours: "cuelight", base: name,
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
	return t
}

func answersOfProduct(ctx context.Context, s settings) (f *burstFigures, err error) {
	greeting, err := hello()
	if err != nil {
		return nil, err
	}
	err = withProduct(ctx, s, func(p *product) (err error) {
		f, err = measureAnswers(ctx, p.peer, p.sockets(), greeting, s.viewers, s.cues, &show{producer: &p.producer})
		return err
	})
	return f, err
}

// withProduct runs the real program, built if need be, with an empty log.
func withProduct(ctx context.Context, s settings, measure func(*product) error) (err error) {
	dir, err := os.MkdirTemp("", "cuelight-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program := s.program
	if program == "" {
		if program, err = buildProduct(ctx, dir); err != nil {
			return err
		}
	}
	p, err := startProduct(ctx, program, dir)
	if err != nil {
		return err
	}
	return errors.Join(measure(p), p.stop())
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

package ladder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cuelight/cuelight/internal/media"
)

// errFormat ends a process because the source's format is another one now.
var errFormat = errors.New("the source changed its format")

// arguments are what the program is called with: pictures come as fragmented
// MP4 on its input and leave as one MPEG-TS track for each rendition. Nothing
// may move a timestamp, and key frames are where the source has them.
func arguments(renditions []Rendition) []string {
	args := []string{
		"-hide_banner", "-loglevel", "error", "-nostats",
		"-probesize", "32", "-analyzeduration", "0", "-copyts",
		"-threads", "1", // each further one would keep a picture back
		"-f", "mp4", "-i", "pipe:0",
	}
	var graph strings.Builder
	fmt.Fprintf(&graph, "[0:v]split=%d", len(renditions))
	for i := range renditions {
		fmt.Fprintf(&graph, "[s%d]", i)
	}
	for i, r := range renditions {
		fmt.Fprintf(&graph, ";[s%d]scale=-2:%d,format=yuv420p[v%d]", i, r.Height, i)
	}
	args = append(args, "-filter_complex", graph.String())
	for i, r := range renditions {
		n, rate := strconv.Itoa(i), strconv.Itoa(r.Bitrate)
		args = append(args, "-map", "[v"+n+"]", "-b:v:"+n, rate, "-maxrate:v:"+n, rate, "-bufsize:v:"+n, rate)
	}
	return append(args,
		"-fps_mode", "passthrough", "-enc_time_base", "1:90000",
		"-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-profile:v", "main",
		"-g", "100000", "-sc_threshold", "0", "-force_key_frames", "source",
		"-muxdelay", "0", "-muxpreload", "0", "-avoid_negative_ts", "disabled", "-mpegts_copyts", "1",
		"-flush_packets", "1", "-f", "mpegts", "pipe:1")
}

// transcode runs the program once for s. It returns nil when the program has
// to be started anew for a reason that is not its fault.
func (l *Ladder) transcode(ctx context.Context, s *source) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(s.over, func() { stop(nil) })()
	first, ok := s.start(ctx)
	if !ok {
		return nil
	}
	var complaint tail
	cmd := exec.CommandContext(ctx, l.program, arguments(s.made)...)
	cmd.Stderr = &complaint
	cmd.WaitDelay = 2 * time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("start transcoder: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start transcoder: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start transcoder: %w", err)
	}
	l.cfg.Log.Info("transcoder started", "pid", cmd.Process.Pid)
	l.note(s, func(h *Health) { h.State = Starting })
	var work sync.WaitGroup
	work.Go(func() {
		defer in.Close()
		stop(s.feed(ctx, in, first))
	})
	work.Go(func() { l.meter(ctx, s, cmd.Process.Pid) })
	read := l.collect(out, s)
	stop(nil)
	_, _ = io.Copy(io.Discard, out)
	work.Wait()
	err = cmd.Wait()
	if cause := context.Cause(ctx); errors.Is(cause, errFormat) || s.closed() {
		return nil
	}
	return complaint.explain(errors.Join(read, err))
}

// feed writes pictures until ctx ends or they change their format.
func (s *source) feed(ctx context.Context, in io.Writer, f media.Frame) error {
	head, err := initOf(s.codec)
	if err != nil {
		return err
	}
	if _, err := in.Write(head); err != nil {
		return fmt.Errorf("feed transcoder: %w", err)
	}
	for sequence := uint32(1); ; sequence++ {
		data, err := fragment(s.codec, sequence, f)
		if err != nil {
			return err
		}
		if _, err := in.Write(data); err != nil {
			return fmt.Errorf("feed transcoder: %w", err)
		}
		var ok bool
		if f, ok = s.next(ctx); !ok {
			return nil
		}
		if s.differs(f) {
			s.held = &f
			return errFormat
		}
	}
}

// meter notes what the process costs until ctx ends.
func (l *Ladder) meter(ctx context.Context, s *source, pid int) {
	const period = 2 * time.Second
	tick := time.NewTicker(period)
	defer tick.Stop()
	last, known := cpuTime(pid)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, ok := cpuTime(pid)
		if ok && known {
			l.note(s, func(h *Health) { h.CPU = (now - last).Seconds() / period.Seconds() })
		}
		last, known = now, ok
	}
}

// tail keeps the end of what the program prints. It belongs to the goroutine
// of exec.Cmd until Wait has returned.
type tail struct{ text []byte }

const tailSize = 2 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = bytes.Clone(t.text[over:])
	}
	return len(p), nil
}

// explain puts the last line that the program printed into the error.
func (t *tail) explain(err error) error {
	lines := strings.Split(strings.TrimSpace(string(t.text)), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	switch {
	case last != "":
		return fmt.Errorf("the transcoder ended: %s", last)
	case err != nil:
		return fmt.Errorf("the transcoder ended: %w", err)
	}
	return errors.New("the transcoder ended without saying why")
}

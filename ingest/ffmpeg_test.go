package ingest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os/exec"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	tscodecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"
)

// encoded runs ffmpeg and returns what it writes.
func encoded(t testing.TB, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	args = append([]string{"-hide_banner", "-nostdin", "-loglevel", "error", "-threads", "1"}, append(args, "pipe:1")...)
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(ctx, "ffmpeg", args...)
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, problems.String())
	}
	return out.Bytes()
}

// accessUnits returns the access units of the first track of what ffmpeg
// writes as MPEG-TS.
func accessUnits(t testing.TB, args ...string) (units [][][]byte) {
	t.Helper()
	r := &mpegts.Reader{R: bytes.NewReader(encoded(t, append(args, "-f", "mpegts")...))}
	if err := r.Initialize(); err != nil {
		t.Fatal(err)
	}
	take := func(au [][]byte) error {
		units = append(units, au)
		return nil
	}
	track := r.Tracks()[0]
	switch track.Codec.(type) {
	case *tscodecs.H264:
		r.OnDataH264(track, func(_, _ int64, au [][]byte) error { return take(au) })
	case *tscodecs.H265:
		r.OnDataH265(track, func(_, _ int64, au [][]byte) error { return take(au) })
	case *tscodecs.MPEG4Audio:
		r.OnDataMPEG4Audio(track, func(_ int64, aus [][]byte) error { return each(aus, take) })
	case *tscodecs.Opus:
		r.OnDataOpus(track, func(_ int64, packets [][]byte) error { return each(packets, take) })
	default:
		t.Fatalf("a track of %T", track.Codec)
	}
	for {
		if err := r.Read(); errors.Is(err, io.EOF) {
			return units
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func each(frames [][]byte, take func([][]byte) error) error {
	for _, f := range frames {
		if err := take([][]byte{f}); err != nil {
			return err
		}
	}
	return nil
}

// temporalUnits returns the OBUs of AV1 that ffmpeg writes as IVF.
func temporalUnits(t testing.TB, args ...string) (units [][][]byte) {
	t.Helper()
	const fileHeader, frameHeader = 32, 12
	data := encoded(t, append(args, "-f", "ivf")...)[fileHeader:]
	for len(data) > frameHeader {
		size := binary.LittleEndian.Uint32(data)
		var tu av1.Bitstream
		if err := tu.Unmarshal(data[frameHeader : frameHeader+size]); err != nil {
			t.Fatal(err)
		}
		data = data[frameHeader+size:]
		units = append(units, tu)
	}
	return units
}

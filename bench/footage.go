package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/pmp4"
)

// footage is a clip of pictures that is sent to every server, over and over. It
// begins with a key frame and has no pictures that are shown out of order.
type footage struct {
	sps, pps []byte
	pictures []picture
}

type picture struct {
	units [][]byte // NAL units
	key   bool
}

const (
	pictureRate = 30 // a second
	footageRate = "1500k"
)

// encodeFootage makes ten seconds of 640×360 at 1.5 Mbit/s with a key frame
// every two seconds. The noise keeps the encoder at its bit rate.
func encodeFootage(ctx context.Context, dir string) (string, error) {
	file := filepath.Join(dir, "360p.mp4")
	cmd := exec.CommandContext(ctx, "ffmpeg", "-hide_banner", "-loglevel", "error", "-y",
		"-f", "lavfi", "-i", "testsrc2=size=640x360:rate=30,noise=alls=12:allf=t", "-t", "10",
		"-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency", "-bf", "0", "-g", "60", "-keyint_min", "60", "-sc_threshold", "0",
		"-b:v", footageRate, "-maxrate", footageRate, "-bufsize", footageRate, "-pix_fmt", "yuv420p", "-an", file)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("encode a clip with ffmpeg (make tools installs it): %w", err)
	}
	return file, nil
}

// readFootage reads the file that encodeFootage made.
func readFootage(file string) (*footage, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var p pmp4.Presentation
	if err := p.Unmarshal(bytes.NewReader(text)); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	if len(p.Tracks) != 1 {
		return nil, fmt.Errorf("read %s: it has %d tracks", file, len(p.Tracks))
	}
	codec, ok := p.Tracks[0].Codec.(*codecs.H264)
	if !ok {
		return nil, fmt.Errorf("read %s: its pictures are not H.264", file)
	}
	f := &footage{sps: codec.SPS, pps: codec.PPS}
	for i, s := range p.Tracks[0].Samples {
		payload, err := s.GetPayload()
		if err != nil {
			return nil, fmt.Errorf("read %s: picture %d: %w", file, i, err)
		}
		var units h264.AVCC
		if err := units.Unmarshal(payload); err != nil {
			return nil, fmt.Errorf("read %s: picture %d: %w", file, i, err)
		}
		f.pictures = append(f.pictures, picture{units, !s.IsNonSyncSample})
	}
	if len(f.pictures) == 0 || !f.pictures[0].key {
		return nil, fmt.Errorf("read %s: it does not begin with a key frame", file)
	}
	return f, nil
}

// at returns the n-th picture of the clip played over and over, with its number
// in it, and when it is due after the first, in whole milliseconds as RTMP has
// them.
func (f *footage) at(n int64) (units [][]byte, key bool, due time.Duration) {
	p := f.pictures[n%int64(len(f.pictures))]
	due = time.Duration((n*1000+pictureRate/2)/pictureRate) * time.Millisecond
	return append([][]byte{stampOf(n)}, p.units...), p.key, due
}

// mark is the UUID of the bench's stamps.
const mark = "\x9a\x1d\x4c\x77\x0e\xb2\x45\x63\x8f\x21\x5a\xd3\x6b\x90\xee\x14"

const stampDigits = 12

// stampOf is a NAL unit with the number of its picture: user data that decoders
// leave alone and servers carry, so that it can be found in a part again,
// whichever server cut it. It holds no three bytes that would need an
// emulation prevention byte.
// Spec: ISO/IEC 14496-10 §D.1.7.
func stampOf(n int64) []byte {
	const seiUnit, userData, end = 0x06, 0x05, 0x80
	unit := []byte{seiUnit, userData, byte(len(mark) + stampDigits)}
	unit = append(unit, mark...)
	return append(fmt.Appendf(unit, "%0*d", stampDigits, n), end)
}

// lastStamp returns the number of the last picture in a part. False when no
// stamp is there.
func lastStamp(part []byte) (int64, bool) {
	at := bytes.LastIndex(part, []byte(mark))
	if at < 0 || len(part) < at+len(mark)+stampDigits {
		return 0, false
	}
	digits := part[at+len(mark):][:stampDigits]
	n, err := strconv.ParseInt(string(digits), 10, 64)
	return n, err == nil
}

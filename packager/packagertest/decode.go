package packagertest

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"

	"github.com/cuelight/cuelight/sync/clock"
)

// opusTicks is how long a packet lasts.
func opusTicks(packet []byte) int64 {
	return opus.PacketDuration2(packet) * clock.TicksPerSecond / 48_000
}

// Decoded is what a decoder made of a file.
type Decoded struct {
	Frames int     // pictures, or frames of sound
	Times  []int64 // when they are shown, in the order in which the decoder gives them
	// Samples of sound in all, Rate a second, for so many Channels.
	Samples, Rate, Channels int
}

// Decode lets ffprobe decode a file of one track. Whatever the decoder
// complains about fails the test (M7).
func Decode(t testing.TB, data []byte) Decoded {
	t.Helper()
	file := filepath.Join(t.TempDir(), "media.mp4")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	text := run(t, "sh", "-c", `ffprobe -v warning -threads 1 -show_entries stream=sample_rate,channels:frame=pts,nb_samples -of flat "$0" 2>&1`, file)
	var d Decoded
	for line := range bytes.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(string(line)), "=")
		n, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 64)
		switch {
		case !ok || !strings.HasPrefix(key, "frames.") && !strings.HasPrefix(key, "streams."):
			t.Errorf("M7 the decoder says: %s", line)
		case err != nil:
		case strings.HasSuffix(key, ".pts"):
			d.Frames++
			d.Times = append(d.Times, n)
		case strings.HasSuffix(key, ".nb_samples"):
			d.Samples += int(n)
		case strings.HasSuffix(key, ".sample_rate"):
			d.Rate = int(n)
		case strings.HasSuffix(key, ".channels"):
			d.Channels = int(n)
		}
	}
	for i := 1; i < len(d.Times); i++ {
		if d.Times[i] <= d.Times[i-1] {
			t.Errorf("M3 frame %d is shown at %d, the one before at %d", i, d.Times[i], d.Times[i-1])
		}
	}
	return d
}

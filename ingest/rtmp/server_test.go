package rtmp_test

import (
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/ingest/rtmp"
)

func serve(t *testing.T, registry *ingest.Registry, log *slog.Logger) (string, ingesttest.Service) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln.Addr().String(), &rtmp.Server{Listener: ln, Registry: registry, Log: log}
}

func flv(url string) []string { return []string{"-f", "flv", url} }

func TestProtocol(t *testing.T) {
	ingesttest.TestProtocol(t, ingesttest.Protocol{
		Serve:   serve,
		Network: "tcp",
		Wrap:    1 << 31 * time.Millisecond,
		Target:  func(addr, key string) []string { return flv("rtmp://" + addr + "/live/" + key) },
		Forms: func(addr, key string) [][]string {
			return [][]string{
				flv("rtmp://" + addr + "/live/show?key=" + key),
				flv("rtmp://" + addr + "/live/" + key),
				flv("rtmp://" + addr + "/show/" + key),
			}
		},
		Unsupported: map[string][]string{
			"MP3 audio":            ingesttest.WithMP3,
			"Sorenson H.263 video": ingesttest.WithFLV1,
		},
		Shows: map[ingest.Code]string{
			ingest.CodeWrongKey:         "Server error: wrong key for channel show",
			ingest.CodeUnknownChannel:   "Server error: there is no channel shoe",
			ingest.CodeBusy:             "Server error: channel show already has a publisher",
			ingest.CodeUnsupportedCodec: "is not supported: set the encoder to H.264 video and AAC audio",
		},
	})
}

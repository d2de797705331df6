package rtsp_test

import (
	"log/slog"
	"net"
	"testing"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/ingest/rtsp"
)

func serve(t *testing.T, registry *ingest.Registry, log *slog.Logger) (string, ingesttest.Service) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln.Addr().String(), &rtsp.Server{Listener: ln, Registry: registry, Log: log}
}

func over(transport, url string) []string {
	return []string{"-f", "rtsp", "-rtsp_transport", transport, url}
}

func TestProtocol(t *testing.T) {
	ingesttest.TestProtocol(t, ingesttest.Protocol{
		Serve:   serve,
		Network: "tcp",
		Target:  func(addr, key string) []string { return over("tcp", "rtsp://"+addr+"/"+key) },
		Forms: func(addr, key string) [][]string {
			return [][]string{
				over("tcp", "rtsp://"+addr+"/show?key="+key),
				over("tcp", "rtsp://"+addr+"/show/"+key),
				over("udp", "rtsp://"+addr+"/show?key="+key),
			}
		},
		Unsupported: map[string][]string{
			"H.265 video":    ingesttest.WithH265,
			"MPEG-1/2 audio": ingesttest.WithMP3,
		},
		Shows: map[ingest.Code]string{
			ingest.CodeWrongKey:         "method ANNOUNCE failed: 403 wrong key for channel show",
			ingest.CodeUnknownChannel:   "method ANNOUNCE failed: 404 there is no channel shoe",
			ingest.CodeBusy:             "method ANNOUNCE failed: 409 channel show already has a publisher",
			ingest.CodeUnsupportedCodec: "is not supported: set the encoder to H.264 video and AAC audio",
		},
	})
}

package rtsp_test

import (
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"

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

func TestProtocolOverTCP(t *testing.T) { ingesttest.TestProtocol(t, suite("tcp")) }

func TestProtocolOverUDP(t *testing.T) { ingesttest.TestProtocol(t, suite("udp")) }

// suite is what both transports are tested for.
func suite(transport string) ingesttest.Protocol {
	carried := func(args []string, want ...string) ingesttest.Carried {
		return ingesttest.Carried{Source: ingesttest.Source{Args: args}, Want: want}
	}
	return ingesttest.Protocol{
		Serve:   serve,
		Network: "tcp", // of requests
		Target:  func(addr, key string) []string { return over(transport, "rtsp://"+addr+"/"+key) },
		Forms: func(addr, key string) [][]string {
			return [][]string{
				over(transport, "rtsp://"+addr+"/show?key="+key),
				over(transport, "rtsp://"+addr+"/show/"+key),
			}
		},
		Unsupported: map[string][]string{
			"MPEG-1/2 audio": ingesttest.WithMP3,
			"MPEG-1/2 video": ingesttest.WithMPEG2,
		},
		Carries: map[string]ingesttest.Carried{
			"HEVC": carried(ingesttest.WithH265, "HEVC", "AAC"),
			"Opus": carried(ingesttest.WithOpus, "H.264", "Opus"),
			"LATM": carried(append(ingesttest.Everything(), "-rtpflags", "latm"), "H.264", "AAC"),
		},
		Renditions: ingesttest.Source{Args: ingesttest.TwoRenditions},
		NoMedia:    ingesttest.Source{Publish: announce},
		Opening:    []byte("ANNOUNCE rtsp://localhost/show RTSP/1.0\r\n"),
		Shows: map[ingest.Code]string{
			ingest.CodeWrongKey:         "method ANNOUNCE failed: 403 wrong key for channel show",
			ingest.CodeUnknownChannel:   "method ANNOUNCE failed: 404 there is no channel shoe",
			ingest.CodeBusy:             "method ANNOUNCE failed: 409 channel show already has a publisher",
			ingest.CodeUnsupportedCodec: "is not supported: set the encoder to H.264, HEVC or AV1 video and AAC or Opus audio",
		},
	}
}

// mute is a client that publishes nothing.
type mute struct {
	client *gortsplib.Client
	done   chan struct{} // closed when the connection has ended
}

// announce sets a picture up, and sends none of it.
func announce(t *testing.T, addr, key string) ingesttest.Client {
	t.Helper()
	transport := gortsplib.ProtocolTCP
	m := &mute{client: &gortsplib.Client{Protocol: &transport}, done: make(chan struct{})}
	medium := &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{&format.H264{PayloadTyp: 96, PacketizationMode: 1}}}
	if err := m.client.StartRecording("rtsp://"+addr+"/"+key, &description.Session{Medias: []*description.Media{medium}}); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = m.client.Wait()
		close(m.done)
	}()
	t.Cleanup(m.Kill)
	return m
}

func (m *mute) Kill() {
	m.client.Close()
	<-m.done
}

func (m *mute) Stop(*testing.T) { m.Kill() }

func (m *mute) Wait(t *testing.T) (code int, output string) {
	t.Helper()
	select {
	case <-m.done:
		return 1, "the connection has ended"
	case <-time.After(patience):
		t.Fatalf("the connection is still there after %v", patience)
		return 0, ""
	}
}

func (m *mute) Running() bool {
	select {
	case <-m.done:
		return false
	default:
		return true
	}
}

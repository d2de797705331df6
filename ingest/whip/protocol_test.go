package whip_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/ingest/whip"
)

// sites is where the server with an address is reached by HTTP.
var sites sync.Map

func TestProtocol(t *testing.T) {
	ingesttest.TestProtocol(t, ingesttest.Protocol{
		Serve: func(t *testing.T, registry *ingest.Registry, log *slog.Logger) (string, ingesttest.Service) {
			s, err := whip.New(registry, whip.Config{UDPAddr: "127.0.0.1:0", Log: log, KeyFrameEvery: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			addr := s.Addr().String()
			sites.Store(addr, web(t, s))
			return addr, s
		},
		Publish: publish,
		Sound:   opus,
		Unsupported: map[string][]string{
			"VP8":  join(picture, tone, []string{"-c:v", "libvpx"}, opus),
			"PCMU": join(picture, tone, x264, []string{"-c:a", "pcm_mulaw"}),
		},
		Carries: map[string]ingesttest.Carried{
			"HEVC and Opus": {Source: ingesttest.Source{Args: join(picture, tone, x265, opus)}, Want: []string{"HEVC", "Opus"}},
		},
		Renditions: ingesttest.Source{Publish: publishLayers},
		Shrink: ingesttest.Source{Publish: func(t *testing.T, addr, streamKey string) ingesttest.Client {
			return publish(t, addr, streamKey, join(ingesttest.Shrinking(t)))
		}},
		Shows: map[ingest.Code]string{
			ingest.CodeWrongKey:         "401: wrong_key",
			ingest.CodeUnknownChannel:   "404: unknown_channel",
			ingest.CodeBusy:             "409: busy",
			ingest.CodeUnsupportedCodec: "406: unsupported_codec",
		},
		Wrap:    -1,
		Network: "udp",
	})
}

// formats are what ffmpeg's coders are called in an offer.
var formats = map[string]webrtc.RTPCodecCapability{
	"libx264": h264Format, "copy": h264Format, "libx265": hevcFormat, "libvpx": vp8Format, "libopus": opusFormat, "pcm_mulaw": pcmuFormat,
}

// publish sends what ffmpeg makes of source.
func publish(t *testing.T, addr, streamKey string, source []string) ingesttest.Client {
	t.Helper()
	var offered []webrtc.RTPCodecCapability
	for i, a := range source {
		if a == "-c" || a == "-c:v" || a == "-c:a" {
			offered = append(offered, formats[source[i+1]])
		}
	}
	endpoint, token := site(addr, streamKey)
	c := newClient(t, endpoint, token, offered...)
	return run(c, func() *ingesttest.Encoder { return c.feed(source) })
}

func publishLayers(t *testing.T, addr, streamKey string) ingesttest.Client {
	t.Helper()
	endpoint, token := site(addr, streamKey)
	c := newLayered(t, endpoint, token)
	return run(c, func() *ingesttest.Encoder { return c.feedLayers("320x180", "160x90") })
}

// site returns where a stream key is published to.
func site(addr, streamKey string) (endpoint, token string) {
	url, _ := sites.Load(addr)
	channel, key, _ := strings.Cut(streamKey, ":")
	return fmt.Sprint(url) + "/whip/" + channel, key
}

// running is a client and its encoder.
type running struct {
	*client
	encoder *ingesttest.Encoder // nil when refused
}

func run(c *client, feed func() *ingesttest.Encoder) *running {
	c.t.Helper()
	r := &running{client: c}
	if c.publish() {
		r.encoder = feed()
	}
	return r
}

func (r *running) Running() bool {
	select {
	case <-r.closed:
		return false
	default:
		return r.encoder != nil && r.encoder.Running()
	}
}

// Kill ends the client's socket and its encoder without a word to the server.
func (r *running) Kill() {
	r.crash()
	if r.encoder != nil {
		r.encoder.Kill()
	}
}

func (r *running) Stop(t *testing.T) {
	t.Helper()
	r.do("DELETE", r.location, "", "", nil)
	r.encoder.Kill()
	r.await("end of the connection", r.closed)
}

func (r *running) Wait(t *testing.T) (int, string) {
	t.Helper()
	if r.encoder == nil {
		code, message := errorOf(t, r.body)
		return 1, fmt.Sprintf("%d: %s: %s", r.status, code, message)
	}
	r.await("end of the connection", r.closed)
	return 1, "the connection ended"
}

package srt_test

import (
	"context"
	"log/slog"
	"net"
	"net/url"
	"testing"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/ingest/srt"
	"github.com/cuelight/cuelight/sync/clock"
)

func serve(t *testing.T, registry *ingest.Registry, log *slog.Logger) (string, ingesttest.Service) {
	t.Helper()
	ln, err := srt.Listen("127.0.0.1:0", 0)
	if err != nil {
		t.Fatal(err)
	}
	return ln.Addr().String(), &srt.Server{Listener: ln, Registry: registry, Log: log}
}

func ts(addr, id string) []string {
	return []string{"-f", "mpegts", "srt://" + addr + "?pkt_size=1316&streamid=" + url.QueryEscape(id)}
}

func TestProtocol(t *testing.T) {
	ingesttest.TestProtocol(t, ingesttest.Protocol{
		Serve:   serve,
		Network: "udp",
		Wrap:    clock.Ticks(1 << 33).Duration(),
		Target:  func(addr, key string) []string { return ts(addr, "publish:"+key) },
		Forms: func(addr, key string) [][]string {
			return [][]string{
				ts(addr, "#!::r=show,m=publish,u=ann,s="+key),
				ts(addr, "#!::m=publish,r=show:"+key),
				ts(addr, "show:"+key),
				ts(addr, "publish:"+key),
				append([]string{"-mpegts_flags", "latm"}, ts(addr, "publish:show:"+key)...),
			}
		},
		Unsupported: map[string][]string{
			"MPEG-1/2 video": ingesttest.WithMPEG2,
			"H.265 video":    ingesttest.WithH265,
			"Opus audio":     ingesttest.WithOpus,
		},
		Shows: map[ingest.Code]string{
			ingest.CodeWrongKey:         "Application-defined rejection reason",
			ingest.CodeUnknownChannel:   "Application-defined rejection reason",
			ingest.CodeBusy:             "Application-defined rejection reason",
			ingest.CodeUnsupportedCodec: "Conversion failed!",
		},
	})
}

// TestHandshakeCutShort sends what the library's handshake parser trips over.
func TestHandshakeCutShort(t *testing.T) {
	out := ingesttest.NewRecorder()
	registry, err := ingest.NewRegistry([]ingest.Channel{{Name: "show", Open: true, Output: out}}, ingest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	addr, server := serve(t, registry, nil)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	short := make([]byte, 16+48+2)                      // header, handshake, half an extension's head
	short[0] = 0x80                                     // control packet, type handshake
	short[16+3] = 5                                     // version
	short[16+7] = 1                                     // extensions follow
	copy(short[16+20:], []byte{0xff, 0xff, 0xff, 0xff}) // conclusion
	c, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(short); err != nil {
		t.Fatal(err)
	}
	ingesttest.Start(t, append(ingesttest.Everything(), ts(addr, "publish:show")...)...)
	out.Await(t, "media", func(h ingesttest.Heard) bool { return len(h.Frames) > 0 })
	if n := registry.Counters().Refused[ingest.CodeMalformed]; n != 1 {
		t.Errorf("IG19 counted %d, want 1", n)
	}
}

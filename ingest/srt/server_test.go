package srt_test

import (
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/ingest/srt"
	"github.com/cuelight/cuelight/internal/media"
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

func ts(addr, id string) []string { return encrypted(addr, id, "") }

func encrypted(addr, id, passphrase string, more ...string) []string {
	target := "srt://" + addr + "?pkt_size=1316&streamid=" + url.QueryEscape(id)
	if passphrase != "" {
		target += "&passphrase=" + url.QueryEscape(passphrase)
	}
	for _, m := range more {
		target += "&" + m
	}
	return []string{"-f", "mpegts", target}
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
			"MPEG-1/2 audio": ingesttest.WithMP3,
			"AV1":            withAV1,
		},
		Carries: map[string]ingesttest.Carried{
			"HEVC": {Source: ingesttest.Source{Args: ingesttest.WithH265}, Want: []string{"HEVC", "AAC"}},
			"Opus": {Source: ingesttest.Source{Args: ingesttest.WithOpus}, Want: []string{"H.264", "Opus"}},
		},
		Renditions: ingesttest.Source{Args: ingesttest.TwoRenditions},
		NoMedia:    ingesttest.Source{Publish: publishNothing},
		Change:     ingesttest.Source{Publish: publishTwoEncoders},
		Encrypted: func(addr, key, passphrase string) []string {
			return encrypted(addr, "publish:"+key, passphrase)
		},
		Shows: map[ingest.Code]string{
			ingest.CodeWrongKey:         "Application-defined rejection reason",
			ingest.CodeUnknownChannel:   "Application-defined rejection reason",
			ingest.CodeBusy:             "Application-defined rejection reason",
			ingest.CodeUnsupportedCodec: "Conversion failed!",
			ingest.CodeWrongPassphrase:  "REJECT reported from HS processing",
		},
	})
}

// waits is an output that does not return from its first frame until it may.
type waits struct {
	*ingesttest.Recorder
	once    sync.Once
	in, out chan struct{}
}

func (w *waits) Write(f media.Frame) error {
	w.once.Do(func() {
		close(w.in)
		<-w.out
	})
	return w.Recorder.Write(f)
}

func TestAStuckOutputHoldsOnlyItsPublisher(t *testing.T) {
	t.Parallel()
	stuck := &waits{Recorder: ingesttest.NewRecorder(), in: make(chan struct{}), out: make(chan struct{})}
	r := start(t, 0, stuck)
	defer close(stuck.out)
	held := ingesttest.Start(t, append(ingesttest.Everything(), ts(r.addr, "publish:show")...)...)
	<-stuck.in
	ingesttest.Start(t, append(ingesttest.Everything(), encrypted(r.addr, "publish:vault:"+vaultKey, passphrase)...)...)
	r.vault.Await(t, "media of the other", func(h ingesttest.Heard) bool { return len(h.Frames) > 250 })
	if !held.Running() {
		t.Error("IG36 the publisher whose output is stuck was cut")
	}
}

func TestPassphraseSizes(t *testing.T) {
	for _, tc := range []struct{ size, want string }{{"16", "AES-128"}, {"24", "AES-192"}, {"32", "AES-256"}} {
		t.Run("IG50 "+tc.want, func(t *testing.T) {
			t.Parallel()
			r := start(t, 0, nil)
			target := encrypted(r.addr, "publish:vault:"+vaultKey, passphrase, "pbkeylen="+tc.size)
			ingesttest.Start(t, append(ingesttest.Everything(), target...)...)
			h := r.vault.Await(t, "media", func(h ingesttest.Heard) bool { return len(h.Of(media.Video)) > 10 })
			if got := h.Begins[0].Stats().Link.Encryption; got != tc.want {
				t.Errorf("encryption = %q, want %s", got, tc.want)
			}
		})
	}
}

func TestLatency(t *testing.T) {
	for _, tc := range []struct {
		name         string
		ours, theirs time.Duration
		want         time.Duration
	}{
		{"IG52 ours is larger", 400 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond},
		{"IG52 theirs is larger", 0, 700 * time.Millisecond, 700 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, tc.ours, nil)
			conn, err := dialSRT(r.addr, "publish:show", func(c *gosrt.Config) { c.PeerLatency = tc.theirs })
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			var told gosrt.Statistics
			conn.Stats(&told)
			if got := time.Duration(told.Instantaneous.MsSendTsbPdDelay) * time.Millisecond; got != tc.want {
				t.Errorf("the caller was told %v, want %v", got, tc.want)
			}
		})
	}
}

// TestLossOnTheWay publishes through a relay that loses a twentieth.
func TestLossOnTheWay(t *testing.T) {
	t.Parallel()
	r := start(t, 500*time.Millisecond, nil)
	relay := loseSome(t, r.addr, 0.05)
	ingesttest.Start(t, append(ingesttest.Everything(), ts(relay, "publish:show")...)...)
	h := r.show.Await(t, "media", func(h ingesttest.Heard) bool { return len(h.Of(media.Video)) > 150 })
	video := h.Of(media.Video)
	for i := 1; i < len(video); i++ {
		if step := video[i].DTS - video[i-1].DTS; step != clock.TicksPerSecond/25 {
			t.Fatalf("IG52 a picture is missing: a step of %v", step.Duration())
		}
	}
	link := h.Begins[0].Stats().Link
	t.Logf("%+v", link)
	if link.Lost == 0 || link.Retransmitted == 0 || link.Dropped != 0 || link.RTT <= 0 || link.RTT > time.Second || link.Latency != 500*time.Millisecond {
		t.Errorf("IG52 link = %+v", link)
	}
}

// loseSome relays datagrams both ways, but for a share.
func loseSome(t *testing.T, to string, share float64) (addr string) {
	t.Helper()
	front, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	back, err := net.Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() {
		_ = front.Close()
		_ = back.Close()
		wg.Wait()
	})
	from := make(chan net.Addr, 1)
	wg.Go(func() {
		random := rand.New(rand.NewPCG(5, 6))
		buf := make([]byte, 2048)
		for known := false; ; known = true {
			n, addr, err := front.ReadFrom(buf)
			if err != nil {
				close(from)
				return
			}
			if !known {
				from <- addr
			}
			if random.Float64() >= share {
				_, _ = back.Write(buf[:n])
			}
		}
	})
	wg.Go(func() {
		addr, ok := <-from
		random := rand.New(rand.NewPCG(7, 8))
		buf := make([]byte, 2048)
		for ok {
			n, err := back.Read(buf)
			if err != nil {
				return
			}
			if random.Float64() >= share {
				_, _ = front.WriteTo(buf[:n], addr)
			}
		}
	})
	return front.LocalAddr().String()
}

package rtmp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/ingest/rtmp"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func serve(t *testing.T, registry *ingest.Registry, log *slog.Logger) (string, ingesttest.Service) {
	t.Helper()
	ln := listen(t)
	return ln.Addr().String(), &rtmp.Server{Listener: ln, Registry: registry, Log: log}
}

func serveTLS(t *testing.T, registry *ingest.Registry, log *slog.Logger) (string, ingesttest.Service) {
	t.Helper()
	ln := listen(t)
	return ln.Addr().String(), &rtmp.Server{Listener: ln, TLS: selfSigned(), Registry: registry, Log: log}
}

// selfSigned returns a configuration with a certificate that nobody vouches for.
var selfSigned = sync.OnceValue(func() *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
})

func flv(url string) []string { return []string{"-f", "flv", url} }

// protocol is what the suite needs of RTMP or RTMPS.
func protocol(scheme string) ingesttest.Protocol {
	app := func(addr string) string { return scheme + "://" + addr + "/live" }
	play := func(acts ...[]func(*testing.T) clip) ingesttest.Source {
		return ingesttest.Source{Publish: func(t *testing.T, addr, key string) ingesttest.Client {
			return startPlayer(t, app(addr)+"#"+key, acts...)
		}}
	}
	return ingesttest.Protocol{
		Serve:   serve,
		Network: "tcp",
		Wrap:    1 << 31 * time.Millisecond,
		Target:  func(addr, key string) []string { return flv(app(addr) + "/" + key) },
		Forms: func(addr, key string) [][]string {
			return [][]string{
				flv(app(addr) + "/show?key=" + key),
				flv(app(addr) + "/" + key),
				flv(scheme + "://" + addr + "/show/" + key),
				append([]string{"-rtmp_app", "live?key=" + key, "-rtmp_playpath", "show"}, flv(app(addr))...),
			}
		},
		Carries: map[string]ingesttest.Carried{
			"HEVC and Opus": {Source: play(made(hevcClip, opusClip)), Want: []string{"HEVC", "Opus"}},
			"AV1 and AAC":   {Source: play(made(av1Clip, aacClip)), Want: []string{"AV1", "AAC"}},
		},
		Renditions: play(made(h264Clip("160x90"), h264Clip("320x180"), aacClip)),
		Change:     play(made(h264Clip("160x90"), aacClip), made(hevcClip, opusClip)),
		NoMedia:    play(),
		Opening:    append([]byte{3}, make([]byte, 1536)...),
		Unsupported: map[string][]string{
			"MP3 audio":            ingesttest.WithMP3,
			"Sorenson H.263 video": ingesttest.WithFLV1,
		},
		Shows: map[ingest.Code]string{
			ingest.CodeWrongKey:         "Server error: wrong key for channel show",
			ingest.CodeUnknownChannel:   "Server error: there is no channel shoe",
			ingest.CodeBusy:             "Server error: channel show already has a publisher",
			ingest.CodeUnsupportedCodec: "is not supported: set the encoder to H.264, HEVC or AV1 video and AAC or Opus audio",
		},
	}
}

func TestProtocol(t *testing.T) { ingesttest.TestProtocol(t, protocol("rtmp")) }

func TestProtocolSecure(t *testing.T) {
	p := protocol("rtmps")
	p.Serve = serveTLS
	ingesttest.TestProtocol(t, p)
}

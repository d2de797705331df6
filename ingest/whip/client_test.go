package whip_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"github.com/cuelight/cuelight/ingest/ingesttest"
)

// patience is how long anything may take.
const patience = 15 * time.Second

// Formats of what the encoder sends, as a browser would offer them.
var (
	h264Format = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90_000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"}
	hevcFormat = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH265, ClockRate: 90_000}
	av1Format  = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeAV1, ClockRate: 90_000}
	vp8Format  = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90_000}
	opusFormat = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48_000, Channels: 2}
	pcmuFormat = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000}
)

// client is a WHIP encoder on pion.
type client struct {
	t      *testing.T
	pc     *webrtc.PeerConnection
	socket net.PacketConn // of its only candidate
	tracks []*webrtc.TrackLocalStaticRTP
	sender *webrtc.RTPSender // of layers
	mid    func() string     // of layers

	endpoint, token string
	location, etag  string
	status          int
	header          http.Header
	body            string

	connected chan struct{}
	closed    chan struct{}
	keys      chan struct{} // a request for a key frame
	lose      atomic.Int64  // every n-th packet of media, 0 for none

	// filter may change a packet of the encoder's, and reports whether to send it.
	filter func(track *webrtc.TrackLocalStaticRTP, packet *rtp.Packet) bool
}

// newClient prepares a client that sends these formats.
func newClient(t *testing.T, endpoint, token string, formats ...webrtc.RTPCodecCapability) *client {
	t.Helper()
	c := bareClient(t, endpoint, token, formats...)
	for _, f := range formats {
		c.add(f)
	}
	return c
}

// newLayered prepares a client that sends H.264 in two layers, and Opus.
func newLayered(t *testing.T, endpoint, token string) *client {
	t.Helper()
	c := bareClient(t, endpoint, token, h264Format, opusFormat)
	c.layers(h264Format, "h", "l")
	c.add(opusFormat)
	return c
}

// bareClient prepares a client that could send these formats.
func bareClient(t *testing.T, endpoint, token string, formats ...webrtc.RTPCodecCapability) *client {
	t.Helper()
	c := &client{t: t, endpoint: endpoint, token: token, connected: make(chan struct{}), closed: make(chan struct{}), keys: make(chan struct{}, 1)}
	c.connect(formats)
	return c
}

func (c *client) connect(formats []webrtc.RTPCodecCapability) {
	c.t.Helper()
	engine, registry := new(webrtc.MediaEngine), new(interceptor.Registry)
	for i, f := range formats {
		c.must(engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: f, PayloadType: webrtc.PayloadType(96 + i)}, kindOf(f)))
		if kindOf(f) == webrtc.RTPCodecTypeVideo {
			rtx := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90_000, SDPFmtpLine: fmt.Sprintf("apt=%d", 96+i)}
			c.must(engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: rtx, PayloadType: webrtc.PayloadType(110 + i)}, webrtc.RTPCodecTypeVideo))
		}
	}
	c.must(webrtc.RegisterDefaultInterceptors(engine, registry))
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		c.must(engine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: captureURI}, kind))
	}
	var err error
	c.socket, err = net.ListenPacket("udp4", "127.0.0.1:0")
	c.must(err)
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.LoggerFactory = &logging.DefaultLoggerFactory{Writer: io.Discard}
	settings.SetICEUDPMux(webrtc.NewICEUDPMux(settings.LoggerFactory.NewLogger("ice"), lossy{c.socket, &c.lose}))
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings))
	c.pc, err = api.NewPeerConnection(webrtc.Configuration{})
	c.must(err)
	up, down := sync.OnceFunc(func() { close(c.connected) }), sync.OnceFunc(func() { close(c.closed) })
	c.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateConnected:
			up()
		case webrtc.PeerConnectionStateClosed, webrtc.PeerConnectionStateFailed:
			down()
		}
	})
	c.t.Cleanup(func() {
		_ = c.pc.Close()
		_ = c.socket.Close()
	})
}

const captureURI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"

func kindOf(f webrtc.RTPCodecCapability) webrtc.RTPCodecType {
	return webrtc.NewRTPCodecType(strings.SplitN(f.MimeType, "/", 2)[0])
}

func (c *client) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// add offers a track, and says when a key frame is asked for.
func (c *client) add(f webrtc.RTPCodecCapability) {
	c.t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(f, "t", "s")
	c.must(err)
	transceiver, err := c.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	c.must(err)
	c.tracks = append(c.tracks, track)
	go c.listen(transceiver.Sender(), "")
}

func (c *client) listen(sender *webrtc.RTPSender, rid string) {
	for {
		var err error
		if rid == "" {
			_, _, err = sender.ReadRTCP()
		} else {
			_, _, err = sender.ReadSimulcastRTCP(rid)
		}
		if err != nil {
			return
		}
		select {
		case c.keys <- struct{}{}:
		default:
		}
	}
}

// layers offers simulcast layers instead of one track.
func (c *client) layers(f webrtc.RTPCodecCapability, rids ...string) {
	c.t.Helper()
	var sender *webrtc.RTPSender
	for _, rid := range rids {
		track, err := webrtc.NewTrackLocalStaticRTP(f, "t", "s", webrtc.WithRTPStreamID(rid))
		c.must(err)
		c.tracks = append(c.tracks, track)
		if sender == nil {
			transceiver, err := c.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
			c.must(err)
			sender = transceiver.Sender()
			c.sender, c.mid = sender, transceiver.Mid
		} else {
			c.must(sender.AddEncoding(track))
		}
		go c.listen(sender, rid)
	}
}

// offer makes the offer with all candidates.
func (c *client) offer() string {
	c.t.Helper()
	offer, err := c.pc.CreateOffer(nil)
	c.must(err)
	gathered := webrtc.GatheringCompletePromise(c.pc)
	c.must(c.pc.SetLocalDescription(offer))
	c.await("candidates", gathered)
	return c.pc.LocalDescription().SDP
}

// publish posts the offer and applies the answer. It reports whether that was
// accepted.
func (c *client) publish() bool {
	c.t.Helper()
	c.post(c.offer())
	if c.status != http.StatusCreated {
		return false
	}
	c.must(c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: c.body}))
	return true
}

func (c *client) post(offer string) {
	c.t.Helper()
	c.do(http.MethodPost, c.endpoint, "application/sdp", offer, nil)
	if c.status == http.StatusCreated {
		base, err := url.Parse(c.endpoint)
		c.must(err)
		location, err := base.Parse(c.header.Get("Location"))
		c.must(err)
		c.location, c.etag = location.String(), c.header.Get("ETag")
	}
}

// do makes a request and keeps what was answered.
func (c *client) do(method, target, contentType, body string, header map[string]string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	c.must(err)
	r.Header.Set("User-Agent", "Mozilla/5.0 (compatible; OBS-Studio/32.1.0; Linux)")
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	response, err := http.DefaultClient.Do(r)
	c.must(err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	c.must(err)
	c.status, c.header, c.body = response.StatusCode, response.Header, string(data)
}

func (c *client) await(what string, done <-chan struct{}) {
	c.t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		c.t.Fatalf("no %s within %v", what, patience)
	}
}

// feed runs ffmpeg and sends its RTP: the n-th output on the n-th track. The
// source is inputs, and codings for all outputs.
func (c *client) feed(source []string) *ingesttest.Encoder {
	c.t.Helper()
	inputs := 0
	for _, a := range source {
		if a == "-i" {
			inputs++
		}
	}
	args := slices.Clone(source)
	for i := range inputs {
		args = append(args, "-map", fmt.Sprint(i))
	}
	var outputs []string
	for _, track := range c.tracks {
		outputs = append(outputs, fmt.Sprintf("[select=%c:f=rtp]rtp://%s?pkt_size=1200", track.Kind().String()[0], c.relay(track)))
	}
	return ingesttest.Start(c.t, append(args, "-f", "tee", strings.Join(outputs, "|"))...)
}

// relay opens a port whose RTP packets go out on the track.
func (c *client) relay(track *webrtc.TrackLocalStaticRTP) string {
	c.t.Helper()
	in, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	c.must(err)
	_ = in.SetReadBuffer(1 << 20)
	c.t.Cleanup(func() { in.Close() })
	go func() {
		buffer := make([]byte, 2048)
		for {
			n, err := in.Read(buffer)
			if err != nil {
				return
			}
			packet := new(rtp.Packet)
			if packet.Unmarshal(bytes.Clone(buffer[:n])) != nil {
				continue
			}
			if c.filter == nil || c.filter(track, packet) {
				c.label(track, packet)
				_ = track.WriteRTP(packet) // until the connection is gone
			}
		}
	}()
	return in.LocalAddr().String()
}

// label says which layer a packet belongs to. Spec: RFC 8852 §3.
func (c *client) label(track *webrtc.TrackLocalStaticRTP, packet *rtp.Packet) {
	if track.RID() == "" {
		return
	}
	for _, e := range c.sender.GetParameters().HeaderExtensions {
		switch e.URI {
		case sdp.SDESMidURI:
			_ = packet.SetExtension(uint8(e.ID), []byte(c.mid()))
		case sdp.SDESRTPStreamIDURI:
			_ = packet.SetExtension(uint8(e.ID), []byte(track.RID()))
		}
	}
}

// crash cuts the connection off without a word.
func (c *client) crash() {
	_ = c.socket.Close()
}

// web serves a handler until the test ends.
func web(t *testing.T, h http.Handler) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// feedLayers runs one ffmpeg whose picture is sent in these sizes, one for each
// layer, and a tone.
func (c *client) feedLayers(sizes ...string) *ingesttest.Encoder {
	c.t.Helper()
	args := join([]string{"-re", "-f", "lavfi", "-i", "testsrc2=size=" + sizes[0] + ":rate=25"}, tone)
	for i, size := range sizes {
		args = append(args, join([]string{"-map", "0", "-s", size}, x264, []string{"-f", "rtp", "rtp://" + c.relay(c.tracks[i]) + "?pkt_size=1200"})...)
	}
	args = append(args, join([]string{"-map", "1"}, opus, []string{"-f", "rtp", "rtp://" + c.relay(c.tracks[len(sizes)])})...)
	return ingesttest.Start(c.t, args...)
}

// lossy loses packets of media on the way.
type lossy struct {
	net.PacketConn
	every *atomic.Int64
}

// lost counts packets for all clients: which ones are lost does not matter.
var lost atomic.Int64

func (l lossy) WriteTo(b []byte, to net.Addr) (int, error) {
	const dtls, payload, firstRTCP, lastRTCP = 128, 1, 192, 223
	if n := l.every.Load(); n > 0 && len(b) > 2 && b[0] >= dtls && (b[payload] < firstRTCP || b[payload] > lastRTCP) && lost.Add(1)%n == 0 {
		return len(b), nil
	}
	return l.PacketConn.WriteTo(b, to)
}

package rtmp_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/abema/go-mp4"
	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/internal/media"
)

// What encoders other than ffmpeg send is written message by message.

var (
	sps1 = []byte{
		0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0xff, 0xc3, 0x89, 0xc3, 0x88,
		0x04, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0x60, 0x78, 0xc1, 0x8c, 0xb0,
	}
	pps1 = []byte{0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0}
	pps2 = []byte{0x68, 0xee, 0x3c, 0x80}
	idr  = []byte{0, 0, 0, 2, 0x65, 0x88}
	next = []byte{0, 0, 0, 2, 0x41, 0x9a}
	aac  = &mpeg4audio.AudioSpecificConfig{Type: 2, SampleRate: 48000, ChannelConfig: 2, ChannelCount: 2}
)

const ms = time.Millisecond

func avcC(pps []byte) *mp4.AVCDecoderConfiguration {
	c := &mp4.AVCDecoderConfiguration{
		ConfigurationVersion: 1, Profile: sps1[1], ProfileCompatibility: sps1[2], Level: sps1[3],
		LengthSizeMinusOne: 3, NumOfSequenceParameterSets: 1, NumOfPictureParameterSets: 1,
		SequenceParameterSets: []mp4.AVCParameterSet{{Length: uint16(len(sps1)), NALUnit: sps1}},
		PictureParameterSets:  []mp4.AVCParameterSet{{Length: uint16(len(pps)), NALUnit: pps}},
	}
	c.SetType(mp4.BoxTypeAvcC())
	return c
}

func videoConfig(pps []byte) message.Message {
	return &message.Video{ChunkStreamID: 6, MessageStreamID: 0x1000000, Codec: message.CodecH264, IsKeyFrame: true,
		Type: message.VideoTypeConfig, AVCConfig: avcC(pps)}
}

func videoFrame(dts, delta time.Duration, au []byte) message.Message {
	return &message.Video{ChunkStreamID: 6, MessageStreamID: 0x1000000, DTS: dts, PTSDelta: delta, Codec: message.CodecH264,
		IsKeyFrame: au[4] == 0x65, Type: message.VideoTypeAU, AU: au}
}

func audioConfig() message.Message {
	return &message.Audio{ChunkStreamID: 4, MessageStreamID: 0x1000000, Codec: message.CodecMPEG4Audio, Rate: 3, Depth: 1,
		IsStereo: true, AACType: message.AudioAACTypeConfig, AACConfig: aac}
}

func audioFrame(dts time.Duration) message.Message {
	return &message.Audio{ChunkStreamID: 4, MessageStreamID: 0x1000000, DTS: dts, Codec: message.CodecMPEG4Audio, Rate: 3, Depth: 1,
		IsStereo: true, AACType: message.AudioAACTypeAU, AU: []byte{1, 2, 3}}
}

// serverFunc makes a server.
type serverFunc = func(*testing.T, *ingest.Registry, *slog.Logger) (string, ingesttest.Service)

// start runs a plain server with one channel.
func start(t *testing.T, cfg ingest.Config) (addr string, out *ingesttest.Recorder, registry *ingest.Registry) {
	t.Helper()
	return startWith(t, cfg, serve)
}

func startWith(t *testing.T, cfg ingest.Config, listening serverFunc) (addr string, out *ingesttest.Recorder, registry *ingest.Registry) {
	t.Helper()
	out = ingesttest.NewRecorder()
	registry, err := ingest.NewRegistry([]ingest.Channel{{Name: "show", Key: "secret-1", Output: out}}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	addr, server := listening(t, registry, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		for _, b := range out.Heard().Broken {
			t.Errorf("IG10 out of order: %s", b)
		}
	})
	return addr, out, registry
}

func connect(t *testing.T, addr, key string, publish bool) (*gortmplib.Client, error) {
	t.Helper()
	u, err := url.Parse("rtmp://" + addr + "/live#" + key)
	if err != nil {
		t.Fatal(err)
	}
	c := &gortmplib.Client{URL: u, Publish: publish}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := c.Initialize(ctx); err != nil {
		return nil, err
	}
	t.Cleanup(c.Close)
	return c, nil
}

func publish(t *testing.T, addr string, messages ...message.Message) *gortmplib.Client {
	t.Helper()
	c, err := connect(t, addr, "show:secret-1", true)
	if err != nil {
		t.Fatal(err)
	}
	send(t, c, messages...)
	return c
}

func send(t *testing.T, c *gortmplib.Client, messages ...message.Message) {
	t.Helper()
	for _, m := range messages {
		if err := c.Write(m); err != nil {
			t.Fatal(err)
		}
	}
}

// told reads until the server says why it ends.
func told(t *testing.T, c *gortmplib.Client) (code, description string) {
	t.Helper()
	_ = c.NetConn().SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		msg, err := c.Read()
		if err != nil {
			t.Fatalf("no reason before %v", err)
		}
		m, ok := msg.(*message.CommandAMF0)
		if !ok || m.Name != "onStatus" {
			continue
		}
		status := m.Arguments[1].(amf0.Object)
		if level, _ := status.GetString("level"); level == "error" {
			code, _ = status.GetString("code")
			description, _ = status.GetString("description")
			return code, description
		}
	}
}

func TestRefusesByName(t *testing.T) {
	vp9 := &message.VideoExFramesX{ChunkStreamID: 6, MessageStreamID: 0x1000000, FourCC: message.FourCCVP9, Payload: []byte{0}}
	for _, tc := range []struct {
		name string
		msg  message.Message
		want string
	}{
		{"IG5 VP9 over enhanced RTMP", vp9, "VP9 video is not supported"},
		{"IG5 VP9 in multitrack", &message.VideoExMultitrack{TrackID: 1, Wrapped: vp9}, "VP9 video is not supported"},
		{"IG5 MP3 over enhanced RTMP", &message.AudioExCodedFrames{ChunkStreamID: 4, MessageStreamID: 0x1000000,
			FourCC: message.FourCCMP3, Payload: []byte{1}}, "MP3 audio is not supported"},
		{"IG5 AC-3 over enhanced RTMP", &message.AudioExSequenceStart{ChunkStreamID: 4, MessageStreamID: 0x1000000,
			FourCC: message.FourCCAC3}, "AC-3 audio is not supported"},
		{"IG5 announced VP9", &message.DataAMF0{ChunkStreamID: 4, MessageStreamID: 0x1000000, Payload: amf0.Data{
			"@setDataFrame", "onMetaData", amf0.ECMAArray{{Key: "videocodecid", Value: float64('v'<<24 | 'p'<<16 | '0'<<8 | '9')}},
		}}, "VP9 video is not supported"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			addr, out, _ := start(t, ingest.Config{})
			c := publish(t, addr, tc.msg)
			code, description := told(t, c)
			if code != "NetStream.Publish.Rejected" || !strings.Contains(description, tc.want) {
				t.Errorf("told %s %q, want %q", code, description, tc.want)
			}
			if len(out.Heard().Begins) != 0 {
				t.Error("the output was begun")
			}
		})
	}
}

func TestRefusedBeforePublishStart(t *testing.T) {
	addr, _, _ := start(t, ingest.Config{})
	_, err := connect(t, addr, "show:wrong", true)
	if err == nil {
		t.Fatal("IG2 the publisher was told that it may publish")
	}
	_, err = connect(t, addr, "show:secret-1", false)
	if err == nil {
		t.Fatal("IG26 a player was told that it may play")
	}
}

func TestEnhancedH264(t *testing.T) {
	addr, out, _ := start(t, ingest.Config{})
	publish(t, addr,
		&message.VideoExSequenceStart{ChunkStreamID: 6, MessageStreamID: 0x1000000, FourCC: message.FourCCAVC, AVCConfig: avcC(pps1)},
		&message.AudioExSequenceStart{ChunkStreamID: 4, MessageStreamID: 0x1000000, FourCC: message.FourCCMP4A, AACConfig: aac},
		&message.VideoExFramesX{ChunkStreamID: 6, MessageStreamID: 0x1000000, FourCC: message.FourCCAVC, DTS: 0, Payload: idr},
		&message.AudioExCodedFrames{ChunkStreamID: 4, MessageStreamID: 0x1000000, FourCC: message.FourCCMP4A, DTS: 5 * ms, Payload: []byte{1}},
		&message.VideoExCodedFrames{ChunkStreamID: 6, MessageStreamID: 0x1000000, FourCC: message.FourCCAVC, DTS: 40 * ms, PTSDelta: 80 * ms, Payload: next},
	)
	h := out.Await(t, "frames", func(h ingesttest.Heard) bool { return len(h.Frames) == 3 })
	if f := h.Frames[2]; f.DTS != 3600 || f.PTS != 10800 || f.Key {
		t.Errorf("IG8 frame = %+v", f)
	}
	if !h.Frames[0].Key || len(h.Tracks) != 2 {
		t.Errorf("IG1 %d tracks, first frame %+v", len(h.Tracks), h.Frames[0])
	}
}

func TestMultitrack(t *testing.T) {
	addr, out, _ := start(t, ingest.Config{})
	second := func(m message.Message) message.Message { return &message.VideoExMultitrack{TrackID: 1, Wrapped: m} }
	frame := &message.VideoExCodedFrames{ChunkStreamID: 6, MessageStreamID: 0x1000000, FourCC: message.FourCCAVC, DTS: 0, Payload: idr}
	publish(t, addr, videoConfig(pps1),
		second(&message.VideoExSequenceStart{ChunkStreamID: 6, MessageStreamID: 0x1000000, FourCC: message.FourCCAVC, AVCConfig: avcC(pps2)}),
		audioConfig(), videoFrame(0, 0, idr), second(frame), audioFrame(0))
	h := out.Await(t, "frames", func(h ingesttest.Heard) bool { return len(h.Frames) == 3 })
	if len(h.Tracks) != 3 || h.Frames[0].Track == h.Frames[1].Track {
		t.Errorf("IG1 tracks %v, frames %v", h.Tracks, h.Frames)
	}
}

func TestNegativeCompositionTime(t *testing.T) {
	addr, out, _ := start(t, ingest.Config{})
	publish(t, addr, videoConfig(pps1), audioConfig(),
		videoFrame(100*ms, 0, idr), videoFrame(140*ms, (1<<24-40)*ms, next), audioFrame(140*ms))
	h := out.Await(t, "frames", func(h ingesttest.Heard) bool { return len(h.Frames) == 3 })
	if f := h.Frames[1]; f.DTS != 140*90 || f.PTS != 100*90 {
		t.Errorf("IG8 DTS %d, PTS %d; want 12600, 9000", f.DTS, f.PTS)
	}
}

func TestVideoAloneWithoutMetadata(t *testing.T) {
	addr, out, _ := start(t, ingest.Config{})
	c := publish(t, addr, videoConfig(pps1))
	for i := range 25 {
		send(t, c, videoFrame(time.Duration(i)*40*ms, 0, idr))
	}
	send(t, c, videoFrame(1000*ms, 0, idr))
	h := out.Await(t, "frames", func(h ingesttest.Heard) bool { return len(h.Frames) == 26 })
	if len(h.Tracks) != 1 || len(h.Observations) != 26 || h.Frames[0].DTS != 0 {
		t.Errorf("IG9 %d tracks, %d observations, first DTS %d", len(h.Tracks), len(h.Observations), h.Frames[0].DTS)
	}
}

func TestNewParameterSetsComeWithTheNextFrame(t *testing.T) {
	addr, out, _ := start(t, ingest.Config{})
	publish(t, addr, videoConfig(pps1), audioConfig(), videoFrame(0, 0, idr), audioFrame(0),
		videoConfig(pps1), videoFrame(40*ms, 0, idr), videoConfig(pps2), videoFrame(80*ms, 0, idr))
	h := out.Await(t, "frames", func(h ingesttest.Heard) bool { return len(h.Of(media.Video)) == 3 })
	frames := h.Of(media.Video)
	if n := len(frames[1].Units); n != 1 {
		t.Errorf("IG33 parameter sets that did not change were sent again: %d units", n)
	}
	sps, pps := ingest.ParameterSets(frames[2].Units)
	if string(sps) != string(sps1) || string(pps) != string(pps2) || len(frames[2].Units) != 3 {
		t.Errorf("IG33 units = %x", frames[2].Units)
	}
}

// again publishes as soon as the channel is free.
func again(t *testing.T, addr string) *gortmplib.Client {
	t.Helper()
	for late := time.Now().Add(10 * time.Second); ; {
		c, err := connect(t, addr, "show:secret-1", true)
		if err == nil {
			return c
		}
		if time.Now().After(late) {
			t.Fatalf("IG6 the channel does not get free: %v", err)
		}
	}
}

func TestGarbageInsideASession(t *testing.T) {
	addr, out, registry := start(t, ingest.Config{})
	random := rand.NewChaCha8([32]byte{1})
	for range 20 {
		begins := len(out.Heard().Begins)
		c := again(t, addr)
		send(t, c, videoConfig(pps1), audioConfig(), videoFrame(0, 0, idr), audioFrame(0))
		out.Await(t, "begin", func(h ingesttest.Heard) bool { return len(h.Begins) == begins+1 })
		noise := make([]byte, 64<<10)
		_, _ = random.Read(noise)
		_, _ = c.NetConn().Write(noise) // the server may hang up first
		_ = c.NetConn().(*net.TCPConn).CloseWrite()
		out.Await(t, "end", func(h ingesttest.Heard) bool { return len(h.Ends) == begins+1 })
	}
	if live := registry.Counters().Live; live > 1 {
		t.Errorf("IG7 %d sessions live", live)
	}
}

func TestHandshakeHasLimits(t *testing.T) {
	addr, _, registry := start(t, ingest.Config{Handshake: 50 * time.Millisecond, MaxPerRemote: 2})
	for _, tc := range []struct {
		name string
		send []byte
	}{
		{"IG22 silence", nil},
		{"IG22 half a handshake", make([]byte, 100)},
	} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = c.Write(tc.send)
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.ReadAll(c); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
			t.Errorf("%s: still open after 10s", tc.name)
		}
	}
	if registry.Counters().Live != 0 {
		t.Error("IG22 a silent connection has a slot")
	}
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

package ingesttest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest"
)

// Client is a publisher that runs.
type Client interface {
	// Kill cuts it off, as a crash or a pulled cable would, and waits.
	Kill()
	// Stop ends it as its user would, and waits.
	Stop(t *testing.T)
	// Wait returns its exit code, 0 when all went well, and what it told its
	// user, once it has ended.
	Wait(t *testing.T) (code int, output string)
	// Running reports whether it has not ended.
	Running() bool
}

// Source is what a client publishes.
type Source struct {
	// Args are ffmpeg's inputs and codings.
	Args []string
	// Publish starts a client that sends this, for what ffmpeg cannot send over
	// the protocol. Nil lets Protocol.Publish or ffmpeg send Args.
	Publish func(t *testing.T, addr, streamKey string) Client
}

// Carried is a further pair of codecs that a protocol carries.
type Carried struct {
	Source
	// Want are the names of the codecs that the Output hears of, as
	// media.Codec.Name has them, in their order.
	Want []string
}

// Protocol is a server under test. Optional fields may be left zero: what they
// are for is then not tested.
type Protocol struct {
	// Serve makes the real server on a free loopback port. The suite runs it.
	Serve func(t *testing.T, registry *ingest.Registry, log *slog.Logger) (addr string, server Service)
	// Target returns ffmpeg's output arguments for a stream key, such as
	// CHANNEL:KEY.
	Target func(addr, streamKey string) []string
	// Publish starts a client that sends what ffmpeg makes of source (its inputs
	// and codings) and ends with the test. Optional: nil runs ffmpeg with Target.
	Publish func(t *testing.T, addr, streamKey string, source []string) Client
	// Sound is ffmpeg's coding of sound in what everybody publishes. Optional:
	// nil is AAC.
	Sound []string
	// Forms are further outputs of ffmpeg that mean channel show with the given
	// key. Optional.
	Forms func(addr, key string) [][]string
	// Unsupported are codecs that the protocol can carry and we do not take:
	// name in the refusal → ffmpeg's inputs and codings.
	Unsupported map[string][]string
	// Carries are further codecs, by what they are called in the test. Optional.
	Carries map[string]Carried
	// Renditions is two pictures of different size and a sound (IG45), such as
	// TwoRenditions. Optional.
	Renditions Source
	// Jump is a stream whose timestamps go an hour ahead after two seconds.
	// Optional; WithJump where ffmpeg publishes by itself.
	Jump Source
	// Shrink is a stream whose pictures become smaller after some seconds.
	// Optional; Shrinking where ffmpeg publishes by itself.
	Shrink Source
	// Change is a stream whose codecs or their formats change on the way.
	// Optional.
	Change Source
	// NoMedia is a publisher that is admitted and then sends nothing. Optional.
	NoMedia Source
	// Opening is how a handshake begins; a client sends it byte by byte.
	// Optional: a three and zeros.
	Opening []byte
	// Huge sends messages larger than any may be. Optional.
	Huge func(t *testing.T, addr string)
	// Encrypted returns ffmpeg's output arguments for a stream key and a
	// passphrase, none when it is empty. Optional.
	Encrypted func(addr, streamKey, passphrase string) []string
	// Shows is what the client prints when it is refused.
	Shows map[ingest.Code]string
	// Wrap is where the protocol's timestamps begin again, and -1 if no encoder
	// can be made to go there.
	Wrap time.Duration
	// Network is "tcp" or "udp", for the garbage.
	Network string
}

// Service is a server that runs until its context ends.
type Service interface {
	Run(ctx context.Context) error
}

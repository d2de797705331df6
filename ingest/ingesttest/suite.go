package ingesttest

import (
	"sync"
	"testing"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
)

// atOnce is how many tests of a protocol run at a time. Encoders work in real
// time, so most of it is waiting.
const atOnce = 6

// test is one of the suite.
type test struct {
	name string // begins with the rule's id in SPEC.md
	run  func(t *testing.T)
}

// TestProtocol checks the rules of ingest/SPEC.md that are marked there, with
// real clients. Its parts run side by side, each with a server of its own.
func TestProtocol(t *testing.T, p Protocol) {
	tests := append(p.everywhere(), p.optional()...)
	turns := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, tt := range tests {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			t.Run(tt.name, tt.run)
		})
	}
}

// everywhere is what every protocol is tested for.
func (p Protocol) everywhere() []test {
	tests := []test{
		{"IG1 pictures and sound reach the output", p.testPublish},
		{"IG2 a wrong key is refused", func(t *testing.T) {
			p.start(t).refused(t, ingest.CodeWrongKey, "show:wrong", p.everything()...)
		}},
		{"IG3 an unknown channel is refused", func(t *testing.T) {
			p.start(t).refused(t, ingest.CodeUnknownChannel, "shoe:"+Key, p.everything()...)
		}},
		{"IG4 a second publisher is refused and the first goes on", p.testSecond},
		{"IG6 a publisher that is cut off frees the channel", p.testCut},
		{"IG7 garbage harms nobody", p.testGarbage},
		{"IG8 B-frames are shown in another order than decoded", p.testBFrames},
		{"IG9 video alone", func(t *testing.T) { p.testAlone(t, media.Video, join(picture, h264)) }},
		{"IG9 audio alone", func(t *testing.T) { p.testAlone(t, media.Audio, join(tone, p.sound())) }},
		{"IG11 a server that stops ends its sessions", p.testStop},
		{"IG12 an open channel needs no key", p.testOpen},
		{"IG23 an encoder that freezes is noticed and ended", p.testFreeze},
		{"IG40 a second publisher takes over", p.testTakeover},
		{"IG42 an encoder that was restarted has returned", p.testRestart},
		{"IG42 an encoder that crashed has returned", p.testCrash},
	}
	for codec, source := range p.Unsupported {
		tests = append(tests, test{"IG5 refused by name: " + codec, func(t *testing.T) { p.testUnsupported(t, codec, source) }})
	}
	return tests
}

// optional is what depends on the protocol and its clients.
func (p Protocol) optional() (tests []test) {
	add := func(wanted bool, name string, run func(t *testing.T)) {
		if wanted {
			tests = append(tests, test{name, run})
		}
	}
	for name, c := range p.Carries {
		add(true, "IG5 carried: "+name, func(t *testing.T) { p.testCarried(t, c) })
	}
	byFFmpeg := p.Publish == nil // which sends whatever it is told to
	if byFFmpeg && !p.Jump.given() {
		p.Jump.Args = WithJump
	}
	add(p.Forms != nil, "IG13 other ways to say the same", p.testForms)
	add(p.Wrap > 0, "IG30 timestamps begin again", p.testWrap)
	add(p.Jump.given(), "IG15 timestamps go an hour ahead", p.testJump)
	add(byFFmpeg || p.Shrink.given(), "IG33 pictures become smaller", p.testShrink)
	add(p.Change.given(), "IG33 codecs change", p.testChange)
	add(p.Renditions.given(), "IG45 renditions come best first", p.testRenditions)
	add(p.NoMedia.given(), "IG22 a publisher that sends nothing", p.testNoMedia)
	add(p.Network == "tcp", "IG22 a peer that says nothing", p.testMute)
	add(p.Network == "tcp", "IG22 a handshake that takes for ever", p.testSlow)
	add(p.Encrypted != nil, "IG50 passphrases", p.testPassphrase)
	return tests
}

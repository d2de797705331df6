package whip

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/cuelight/cuelight/ingest"
)

// gatherWait is how long an answer waits for what STUN and TURN servers say.
const gatherWait = 2 * time.Second

// negotiate answers an offer.
//
// Errors: *ingest.Error for an offer that cannot be; what went wrong here.
func (s *Server) negotiate(session *ingest.Session, text string, r *http.Request) (*publisher, error) {
	o, err := parseOffer(text)
	if err != nil {
		return nil, err
	}
	pc, err := s.connect(o, isNear(r.RemoteAddr))
	if err != nil {
		return nil, s.unfit(err)
	}
	p := s.newPublisher(session, o, pc)
	p.intake.way.encoder = encoderName(r.UserAgent())
	session.SetLink(p.link)
	pc.OnTrack(p.onTrack)
	pc.OnConnectionStateChange(p.onState)
	if err := p.settle(text); err != nil {
		p.stop()
		p.disconnect()
		return nil, err
	}
	return p, nil
}

func (s *Server) newPublisher(session *ingest.Session, o *offer, pc *webrtc.PeerConnection) *publisher {
	return &publisher{
		name:     rand.Text(),
		server:   s,
		session:  session,
		pc:       pc,
		offer:    o,
		ufrag:    o.ufrag,
		etag:     newETag(),
		patches:  newPatchRate(time.Now()),
		intake:   newIntake(session, o, s.cfg.KeyFrameEvery),
		messages: make(chan message, queued),
		arrived:  make(chan remote),
		done:     make(chan struct{}),
		ended:    make(chan struct{}),
	}
}

// settle finds the answer.
func (p *publisher) settle(offer string) error {
	local, err := p.agree(offer)
	if err != nil {
		return p.server.unfit(err)
	}
	p.answer, err = tuned(local)
	return err
}

// unfit is the refusal of an offer that pion does not take, whose words may
// hold anything.
func (s *Server) unfit(err error) error {
	s.log.Debug("offer", "err", err)
	return ingest.Errorf(ingest.CodeMalformed, "the offer cannot be answered: it must have mid, ICE, DTLS fingerprint and distinct payload types")
}

// agree applies an offer and returns the answer with our candidates.
func (p *publisher) agree(offer string) (string, error) {
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", err
	}
	answer, err := p.pc.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(answer); err != nil {
		return "", err
	}
	late := time.NewTimer(gatherWait)
	defer late.Stop()
	select {
	case <-gathered:
	case <-late.C:
	case <-p.done:
	}
	return p.pc.LocalDescription().SDP, nil
}

func newETag() string { return `"` + rand.Text()[:12] + `"` }

// tokenSum identifies the token of a request, zero without one.
func tokenSum(r *http.Request) (sum [sha256.Size]byte) {
	if token := bearer(r); token != "" {
		return sha256.Sum256([]byte(token))
	}
	return sum
}

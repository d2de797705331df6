package whip

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/cuelight/cuelight/ingest"
)

// patchRate is a token bucket of requests. It is protected by its owner's lock.
type patchRate struct {
	left float64
	at   time.Time
}

const (
	patchBurst     = 50
	patchPerSecond = 5
	restartCost    = 10 // an ICE restart gathers and checks anew
)

func newPatchRate(now time.Time) patchRate { return patchRate{left: patchBurst, at: now} }

// take reports whether a request of this cost is allowed at now.
func (r *patchRate) take(cost float64, now time.Time) bool {
	r.left = min(r.left+patchPerSecond*now.Sub(r.at).Seconds(), patchBurst)
	r.at = now
	if r.left < cost {
		return false
	}
	r.left -= cost
	return true
}

// patch adds candidates or restarts ICE (IG81).
func (p *publisher) patch(w http.ResponseWriter, r *http.Request) {
	p.iceMu.Lock()
	defer p.iceMu.Unlock()
	if !p.patches.take(1, time.Now()) {
		refuseWith(w, http.StatusTooManyRequests, errCrowd)
		return
	}
	text, status, err := body(w, r, typeFragment)
	if err != nil {
		refuseWith(w, status, publicOf(err))
		return
	}
	f, err := parseFragment(text)
	if err != nil {
		refuse(w, publicOf(err))
		return
	}
	if status, sentence := p.precondition(r.Header.Values("If-Match")); status != 0 {
		refuseWith(w, status, ingest.Errorf(ingest.CodeMalformed, "%s", sentence))
		return
	}
	if p.offered += len(f.candidates); p.offered > maxCandidates {
		refuse(w, ingest.Errorf(ingest.CodeMalformed, "more than %d candidates", maxCandidates))
		return
	}
	if f.ufrag == "" || f.ufrag == p.ufrag {
		p.trickle(w, f)
		return
	}
	p.restart(w, f)
}

// precondition compares If-Match with the credentials in use. Spec: RFC 9725
// §4.3.1; RFC 9110 §13.1.1.
func (p *publisher) precondition(values []string) (status int, sentence string) {
	if len(values) == 0 {
		return http.StatusPreconditionRequired, "send If-Match with the ETag of the last answer, or * to restart ICE"
	}
	for tag := range strings.SplitSeq(strings.Join(values, ","), ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || tag == p.etag {
			return 0, ""
		}
	}
	return http.StatusPreconditionFailed, "ICE was restarted: use the ETag of the last answer"
}

func (p *publisher) trickle(w http.ResponseWriter, f fragment) {
	for _, c := range f.candidates {
		init := webrtc.ICECandidateInit{Candidate: c.text}
		if c.mid != "" {
			init.SDPMid = &c.mid
		}
		if err := p.pc.AddICECandidate(init); err != nil {
			if p.isOver() {
				refuse(w, errGone)
				return
			}
			refuse(w, ingest.Errorf(ingest.CodeMalformed, "a candidate makes no sense"))
			return
		}
	}
	if f.complete {
		_ = p.pc.AddICECandidate(webrtc.ICECandidateInit{}) // changes nothing when it fails
	}
	w.WriteHeader(http.StatusNoContent)
}

// restart gives the connection new credentials; media go on.
func (p *publisher) restart(w http.ResponseWriter, f fragment) {
	if !p.patches.take(restartCost, time.Now()) {
		refuseWith(w, http.StatusTooManyRequests, errCrowd)
		return
	}
	answer, err := p.renegotiate(f)
	if err != nil {
		if p.isOver() {
			refuse(w, errGone)
			return
		}
		refuse(w, publicOf(err))
		return
	}
	p.ufrag, p.etag, p.offered = f.ufrag, newETag(), len(f.candidates)
	w.Header().Set("Content-Type", typeFragment)
	w.Header().Set("ETag", p.etag)
	w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(w, answer)
}

func (p *publisher) renegotiate(f fragment) (answer string, err error) {
	err = p.protect(func() error {
		offer, err := restarted(p.offer.text, f)
		if err != nil {
			return err
		}
		local, err := p.agree(offer)
		if err != nil {
			return p.server.unfit(err)
		}
		answer, err = fragmentOf(local)
		return err
	})
	return answer, err
}

// protect is Session.Protect for goroutines that do not own the session, which
// a panic ends.
func (p *publisher) protect(f func() error) (err error) {
	err = errors.New("panicked")
	p.guard(func() { err = f() })
	return err
}

func (p *publisher) isOver() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

package whip

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/cuelight/cuelight/ingest"
)

const (
	root         = "/whip/"
	typeOffer    = "application/sdp"
	typeFragment = "application/trickle-ice-sdpfrag"
	maxBody      = 64 << 10

	ofEndpoint = "POST, OPTIONS"
	ofResource = "PATCH, DELETE, OPTIONS"
)

var (
	errPlay    = ingest.Errorf(ingest.CodeMode, "this address takes streams in: POST an SDP offer, and watch with a browser at /watch/CHANNEL")
	errGone    = ingest.Errorf(ingest.CodeUnknownChannel, "this session has ended: POST a new offer")
	errStopped = ingest.Errorf(ingest.CodeFull, "the server is stopping: try again in a moment")
	errCrowd   = ingest.Errorf(ingest.CodeFull, "too many requests: try again in a moment")
	errToken   = ingest.Errorf(ingest.CodeWrongKey, "another token than the session began with")
)

// ServeHTTP answers /whip/CHANNEL and /whip/CHANNEL/SESSION. Plain /whip/ is
// the channel of the key.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.allow(w.Header(), r)
	path := strings.Trim(strings.TrimPrefix(r.URL.Path, strings.TrimSuffix(root, "/")), "/")
	channel, name, isResource := strings.Cut(path, "/")
	if isResource {
		s.serveResource(w, r, name)
		return
	}
	switch r.Method {
	case http.MethodPost:
		s.publish(w, r, channel)
	case http.MethodOptions:
		w.Header().Set("Accept-Post", typeOffer)
		options(w, ofEndpoint)
	default:
		w.Header().Set("Allow", ofEndpoint)
		refuse(w, s.registry.Refuse(ingest.Request{Channel: channel, Protocol: protocol, Remote: r.RemoteAddr}, errPlay))
	}
}

// publish is the POST of an offer.
func (s *Server) publish(w http.ResponseWriter, r *http.Request, channel string) {
	leave, ok := s.registry.Enter(protocol, r.RemoteAddr)
	if !ok {
		refuseWith(w, http.StatusTooManyRequests, errCrowd)
		return
	}
	defer leave()
	request := ingest.Request{Channel: channel, Protocol: protocol, Remote: r.RemoteAddr}
	text, status, err := body(w, r, typeOffer)
	if err != nil {
		refuseWith(w, status, s.registry.Refuse(request, err))
		return
	}
	if s.isStopped() {
		refuse(w, errStopped)
		return
	}
	if request.Channel, request.Key, err = credentials(r, channel); err != nil {
		refuse(w, s.registry.Refuse(request, err))
		return
	}
	session, err := s.registry.Admit(request)
	if err != nil {
		refuse(w, publicOf(err))
		return
	}
	s.admit(w, r, session, text)
}

// admit answers the offer of a publisher whose key is right.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, session *ingest.Session, text string) {
	var p *publisher
	err := session.Protect(func() (err error) {
		p, err = s.negotiate(session, text, r)
		return err
	})
	if err != nil {
		refuse(w, session.Close(err))
		return
	}
	p.token = tokenSum(r)
	etag, answer := p.etag, p.answer // p is Run's from here on
	if !s.start(r.Context(), p) {
		p.abandon()
		refuse(w, errStopped)
		return
	}
	h := w.Header()
	h.Set("Content-Type", typeOffer)
	h.Set("Location", root+session.Info().Channel+"/"+p.name)
	h.Set("ETag", etag)
	h.Set("Accept-Patch", typeFragment)
	h.Set("Cache-Control", "no-store")
	for _, ice := range s.cfg.ICEServers {
		h.Add("Link", ice.link())
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, answer) // a publisher that has gone is noticed by ICE
}

// serveResource is what happens to a session. Its name is as good as a key.
func (s *Server) serveResource(w http.ResponseWriter, r *http.Request, name string) {
	if r.Method == http.MethodOptions {
		options(w, ofResource)
		return
	}
	p := s.find(name)
	switch {
	case p == nil:
		refuse(w, errGone)
	case !p.knows(r):
		refuse(w, errToken)
	case r.Method == http.MethodDelete:
		p.leave(r.Context())
		w.WriteHeader(http.StatusOK)
	case r.Method == http.MethodPatch:
		p.patch(w, r)
	default:
		w.Header().Set("Allow", ofResource)
		refuse(w, errPlay)
	}
}

// body reads a request's body of one content type.
//
// Errors: *ingest.Error with the status to answer with.
func body(w http.ResponseWriter, r *http.Request, want string) (text string, status int, err error) {
	if got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || got != want {
		return "", http.StatusUnsupportedMediaType, ingest.Errorf(ingest.CodeMalformed, "send Content-Type: %s", want)
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return "", http.StatusRequestEntityTooLarge, ingest.Errorf(ingest.CodeMalformed, "the body is larger than 64 KiB")
	}
	if err != nil {
		return "", http.StatusBadRequest, ingest.Errorf(ingest.CodeMalformed, "the body ended early")
	}
	return string(data), 0, nil
}

// credentials reads who asks for which channel: the path names it, the token
// may do so too.
func credentials(r *http.Request, channel string) (string, ingest.Secret, error) {
	token := bearer(r)
	named, key := ingest.ParseKey(token)
	switch {
	case named == "":
		return channel, key, nil
	case channel != "" && named != channel:
		return channel, "", ingest.Errorf(ingest.CodeWrongKey, "the token is another channel's: copy this channel's stream key again")
	}
	return named, key, nil
}

func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func publicOf(err error) *ingest.Error {
	if e, ok := errors.AsType[*ingest.Error](err); ok {
		return e
	}
	return ingest.Errorf(ingest.CodeInternal, "the server could not go on: its log says why")
}

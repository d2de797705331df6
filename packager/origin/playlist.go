package origin

import (
	"net/http"
	"time"

	"github.com/cuelight/cuelight/packager"
)

// request is one request for a file of a channel.
type request struct {
	o       *Origin
	w       http.ResponseWriter
	r       *http.Request
	channel *packager.Channel
	view    *packager.View
	edge    *packager.Window // nil for the multivariant playlist
}

// index answers the multivariant playlist. Once somebody publishes it waits
// for the first part, so that a player that came early starts at once.
func (q *request) index(channel string, protected bool) {
	limit := 3 * q.view.Control().TargetDuration
	if !q.view.Ready() && q.view.Live {
		ok := q.o.hold(q.w, q.r, func() (err error) {
			q.view, err = q.channel.WaitView(q.r.Context(), limit)
			return err
		})
		if !ok {
			return
		}
	}
	switch {
	case !q.view.Ready():
		q.o.notYet(q.w, protected)
	case protected:
		q.private(q.o.guard.multivariant(channel, q.view, time.Now()))
	default:
		q.text(&q.view.Multivariant, half(q.view.Control().TargetDuration))
	}
}

// playlist answers a media playlist. Spec: rfc8216bis §6.2.5.2.
func (q *request) playlist() {
	target := q.view.Control().TargetDuration
	s := q.edge.Load()
	if s.Ended && s.Ready() {
		q.text(&s.Full, half(target)) // directives mean nothing any more (B8)
		return
	}
	d, err := ParseDirectives(q.r.URL.RawQuery)
	errorAge, age := target, half(target)
	if d.HasMSN {
		errorAge, age = 4*target, 6*target
	}
	switch {
	case err != nil:
		q.o.refuse(q.w, http.StatusBadRequest, errorAge, err.Error())
		return
	case d.HasMSN && d.tooFar(s, advanceParts(q.view)):
		q.o.refuse(q.w, http.StatusBadRequest, errorAge, "the playlist is not near that yet; read it without directives first")
		return
	case !s.Ready() && !q.view.Live:
		q.o.notYet(q.w, false)
		return
	}
	want := d.position()
	if !d.HasMSN {
		want = packager.Position{} // whatever there is
	}
	if s = q.wait(s, want); s == nil {
		return
	}
	if !s.Ready() {
		q.o.refuse(q.w, http.StatusNotFound, unknownAge, "the channel ended before it had media")
		return
	}
	q.text(chosen(s, d), age)
}

// chosen is the form of the playlist that the client asks for. After the end
// there is only one (B8).
func chosen(s *packager.Snapshot, d Directives) *packager.Text {
	switch {
	case s.Ended || !d.Skip:
		return &s.Full
	case d.SkipDates:
		return &s.DeltaV2
	}
	return &s.Delta
}

// advanceParts is the Advance Part Limit. Spec: rfc8216bis §6.2.5.2.
func advanceParts(v *packager.View) uint64 {
	target := v.Control().PartTarget
	if target >= time.Second {
		return 3
	}
	return uint64((3*time.Second + target - 1) / target)
}

// wait returns the snapshot that has p, or nil when the request has been
// answered already (B1–B4, B7).
func (q *request) wait(s *packager.Snapshot, p packager.Position) *packager.Snapshot {
	if s.Has(p) || s.Ended {
		return s
	}
	limit := 3 * q.view.Control().TargetDuration
	ok := q.o.hold(q.w, q.r, func() (err error) {
		s, err = q.edge.Wait(q.r.Context(), p, limit)
		return err
	})
	if !ok {
		return nil
	}
	return s
}

// text sends a playlist, compressed if the viewer takes it.
func (q *request) text(t *packager.Text, age time.Duration) {
	body := q.coded(t)
	if !q.unchanged(body.ETag, age) {
		q.whole(body)
	}
}

// private sends a playlist that nobody keeps.
func (q *request) private(t *packager.Text) {
	q.w.Header()["Cache-Control"] = mineAlone
	q.whole(q.coded(t))
}

// coded returns the form of the playlist that the viewer takes.
func (q *request) coded(t *packager.Text) *packager.Blob {
	h := q.w.Header()
	h["Content-Type"] = typePlaylist
	h["Vary"] = varyEncoding
	if acceptsGzip(q.r.Header) {
		h["Content-Encoding"] = gzipped
		return &t.Gzip
	}
	return &t.Plain
}

// whole sends all of a playlist.
func (q *request) whole(body *packager.Blob) {
	q.w.Header()["Content-Length"] = body.Length
	q.w.WriteHeader(http.StatusOK)
	ok := q.send(body.Bytes)
	for i := 0; ok && i < len(body.More); i++ {
		ok = q.send(body.More[i])
	}
}

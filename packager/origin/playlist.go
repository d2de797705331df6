package origin

import (
	"net/http"
	"time"

	"github.com/cuelight/cuelight/packager"
)

// request is one request for a file of a rendition.
type request struct {
	o    *Origin
	w    http.ResponseWriter
	r    *http.Request
	view *packager.View
	edge *packager.Window
	conn *http.ResponseController // made by the first send
}

// index answers the multivariant playlist. Once somebody publishes it waits
// for the first part, so that a player that came early starts at once.
func (o *Origin) index(w http.ResponseWriter, r *http.Request, c *packager.Channel, v *packager.View) {
	limit := 3 * v.Control().TargetDuration
	if !v.Ready() && v.Live {
		ok := o.hold(w, func() (err error) {
			v, err = c.WaitView(r.Context(), limit)
			return err
		})
		if !ok {
			return
		}
	}
	if !v.Ready() {
		o.notYet(w)
		return
	}
	q := request{o: o, w: w, r: r, view: v}
	q.text(v.Multivariant, v.Control().TargetDuration/2)
}

// playlist answers a media playlist. Spec: rfc8216bis §6.2.5.2.
func (q *request) playlist() {
	target := q.view.Control().TargetDuration
	s := q.edge.Load()
	if s.Ended && s.Ready() {
		q.text(s.Full, target/2) // directives mean nothing any more (B8)
		return
	}
	d, err := ParseDirectives(q.r.URL.RawQuery)
	errorAge, age := target, target/2
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
		q.o.notYet(q.w)
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
	if d.Skip && !s.Ended {
		q.text(s.Delta, age)
		return
	}
	q.text(s.Full, age)
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
	ok := q.o.hold(q.w, func() (err error) {
		s, err = q.edge.Wait(q.r.Context(), p, limit)
		return err
	})
	if !ok {
		return nil
	}
	return s
}

// text sends a playlist, compressed if the viewer takes it.
func (q *request) text(t packager.Text, age time.Duration) {
	h := q.w.Header()
	h["Content-Type"] = typePlaylist
	h["Cache-Control"] = q.o.ages.of(age)
	h["Vary"] = varyEncoding
	body := &t.Plain
	if acceptsGzip(q.r.Header) {
		h["Content-Encoding"] = gzipped
		body = &t.Gzip
	}
	h["Content-Length"] = body.Length
	q.w.WriteHeader(http.StatusOK)
	q.send(body.Bytes)
}

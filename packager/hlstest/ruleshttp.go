package hlstest

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

var httpRules = []rule{
	{Rule{"N1", Profile, "B.1", "HTTP/2 or 3 over TLS 1.2 or later (priorities, RFC 9218, are not looked at)"}, 0, checkTransport},
	{Rule{"N2", Should, "6.2.1", "playlists are compressed with gzip for those who accept it"}, 0, checkGzip},
	{Rule{"N3", Profile, "B.1", "answers may be cached: blocking playlists and media for 6 target durations, other playlists for half of one, errors for 4 and 1"}, needSliding, checkCaching},
	{Rule{"N4", Profile, "B.1", "pages of other origins may read Age; caches set it"}, 0, checkCORS},
	{Rule{"N5", Profile, "B.1", "URIs are the same for all viewers and carry no directives (whether an edge asks its origin once for all of them is seen at the origin only)"}, 0, checkURIs},
	{Rule{"N6", Profile, "B.1", "ranges are served if byte ranges are used"}, 0, checkRanges},
	{Rule{"N7", Player, "", "the first byte of a blocked playlist comes within 10 s"}, needBlock | needSliding, checkFirstByte},
}

func checkTransport(l *look) {
	l.not("plain HTTP on this machine: the way to viewers begins at what stands in front")
	for i := range l.Index {
		e := &l.Index[i]
		u, err := url.Parse(e.URL)
		if err != nil || e.Status == 0 || u.Scheme == "http" && isLoopback(u.Hostname()) {
			continue
		}
		l.held()
		switch {
		case u.Scheme != "https":
			l.breaks(e.URL, "plain HTTP", "TLS")
		case e.TLS < tls.VersionTLS12:
			l.breaks(e.URL, tls.VersionName(e.TLS), "TLS 1.2 or later")
		case !strings.HasPrefix(e.Proto, "HTTP/2") && !strings.HasPrefix(e.Proto, "HTTP/3"):
			l.breaks(e.URL, e.Proto, "HTTP/2 or HTTP/3")
		default:
			continue
		}
		return
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func checkGzip(l *look) {
	for r, p := range l.playlists() {
		if p.Size < 200 {
			continue // too short to be worth it
		}
		l.held()
		if p.Header.Get("Content-Encoding") == "" {
			l.breaks(r.URI, "no Content-Encoding", "gzip")
			return
		}
	}
}

// age is what an answer lets a shared cache keep it for. False without an age,
// or if it may not be kept.
func age(e *Exchange) (time.Duration, bool) {
	found, value := false, time.Duration(0)
	for item := range strings.SplitSeq(e.Header.Get("Cache-Control"), ",") {
		name, arg, _ := strings.Cut(strings.ToLower(strings.TrimSpace(item)), "=")
		n, err := strconv.ParseUint(strings.Trim(arg, `"`), 10, 32)
		switch {
		case name == "no-store" || name == "no-cache" || name == "private":
			return 0, false
		case name == "s-maxage" && err == nil:
			return time.Duration(n) * time.Second, true
		case name == "max-age" && err == nil:
			found, value = true, time.Duration(n)*time.Second
		}
	}
	return value, found
}

func checkCaching(l *look) {
	var target time.Duration
	for _, r := range l.Renditions {
		if p := r.first(); p != nil {
			target = p.Target
			break
		}
	}
	for r, p := range l.playlists() {
		if p.Playlist.Ended {
			continue
		}
		want, kind := target/2, " without directives"
		if p.Asked.HasMSN {
			want, kind = 6*target, " blocking"
		}
		l.kept(&p.Exchange, r.URI+kind, want, want)
	}
	for _, r := range l.Renditions {
		for f := range r.files() {
			if f.OK() {
				l.kept(&f.Exchange, where(r, f.At.MSN, f.At.Part), 6*target, 10*365*24*time.Hour)
			}
		}
	}
	for i := range l.Trials {
		t := &l.Trials[i]
		switch {
		case t.Status == 400 && t.Asked.HasMSN:
			l.kept(&t.Exchange, l.name(t.Rendition)+" "+t.query(), 0, 4*target)
		case t.Status == 404 && t.Kind == TrialUnknown:
			l.kept(&t.Exchange, t.URL, 0, target)
		}
	}
}

// kept judges how long an answer may be cached; the bounds are rounded up to
// whole seconds, as the header is.
func (l *look) kept(e *Exchange, where string, least, most time.Duration) {
	l.held()
	d, ok := age(e)
	want := fmt.Sprintf("max-age=%d", int((most+time.Second-1)/time.Second))
	if most > time.Hour*24 {
		want = fmt.Sprintf("max-age=%d or more", int((least+time.Second-1)/time.Second))
	}
	if !ok || d < least.Truncate(time.Second) || d > most+time.Second {
		l.breaks(where, fmt.Sprintf("Cache-Control %q", e.Header.Get("Cache-Control")), want)
	}
}

func checkCORS(l *look) {
	for r, p := range l.playlists() {
		if !p.OK() {
			continue
		}
		l.held()
		exposed := strings.ToLower(p.Header.Get("Access-Control-Expose-Headers"))
		cached := strings.Contains(strings.ToUpper(p.Header.Get("X-Cache")), "HIT")
		switch {
		case p.Header.Get("Access-Control-Allow-Origin") == "":
			l.breaks(r.URI, "no Access-Control-Allow-Origin", "one that lets pages read the playlist")
		case exposed != "*" && !strings.Contains(exposed, "age"):
			l.breaks(r.URI, fmt.Sprintf("Access-Control-Expose-Headers %q", exposed), "Age")
		case cached && p.Header.Get("Age") == "":
			l.breaks(r.URI, "an answer from a cache without Age", "Age")
		default:
			continue
		}
		return
	}
}

func checkURIs(l *look) {
	if l.Multivariant != nil {
		l.not("the multivariant playlist was read once")
		for i := 1; i < len(l.Index); i++ {
			again, err := ParseMultivariant(l.Index[i].Body)
			if err != nil {
				continue
			}
			l.held()
			a, b := l.Multivariant.Playlists(), again.Playlists()
			for n := range min(len(a), len(b)) {
				if a[n] != b[n] && sameWithoutQuery(a[n], b[n]) {
					l.breaks(l.URL, b[n]+" for one viewer and "+a[n]+" for another", "the same URIs for all")
					break
				}
			}
		}
	}
	for r, p := range l.playlists() {
		for i := range p.Playlist.Segments {
			s := &p.Playlist.Segments[i]
			l.held()
			if strings.Contains(s.URI, "_HLS_") || strings.Contains(s.MapURI, "_HLS_") {
				l.breaks(where(r, s.MSN), "directives in URI "+s.URI, "none")
				return
			}
		}
	}
}

func sameWithoutQuery(a, b string) bool {
	x, _, _ := strings.Cut(a, "?")
	y, _, _ := strings.Cut(b, "?")
	return x == y
}

func checkRanges(l *look) {
	l.not("no BYTERANGE was seen")
	for t := range l.trials(TrialRange) {
		if t.Status == 0 {
			continue
		}
		l.held()
		if t.Status != 206 {
			l.breaks(t.URL, fmt.Sprintf("status %d for a range", t.Status), "206")
		}
	}
}

func checkFirstByte(l *look) {
	l.not("no blocking request was answered")
	for _, r := range l.Renditions {
		for p := range r.answers() {
			if !p.Asked.HasMSN || p.Status == 0 && p.Received.Sub(p.Sent) <= 10*time.Second {
				continue
			}
			l.held()
			if d := p.took(); d > 10*time.Second {
				l.breaks(r.URI, fmt.Sprintf("a first byte after %v", d.Round(time.Millisecond)), "no more than 10 s")
			}
		}
	}
}

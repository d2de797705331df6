package archive

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cuelight/cuelight/packager"
)

// VOD serves the recordings of all channels. It is safe for concurrent use.
type VOD struct {
	root *os.Root
	busy chan struct{} // a token for every answer that is being sent

	// A token for every playlist that is in memory, because it may still grow.
	reading chan struct{}
}

// How many answers may be sent at once, and how many of them may be playlists
// that still grow.
const (
	maxAnswers = 1024
	maxGrowing = 32
)

// NewVOD serves recordings from the folder that has a folder for each channel:
// what Config.Dir of their archives lies in. It is made if it is not there.
func NewVOD(channels string) (*VOD, error) {
	if err := os.MkdirAll(channels, 0o700); err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	root, err := os.OpenRoot(channels)
	if err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	return &VOD{root: root, busy: make(chan struct{}, maxAnswers), reading: make(chan struct{}, maxGrowing)}, nil
}

// Close lets go of the folder.
func (v *VOD) Close() error { return v.root.Close() }

// ServeHTTP answers requests for /vod/{channel}/{recording}/{file}.
func (v *VOD) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "Age, Date, ETag, Content-Range, Content-Length")
	h.Set("Timing-Allow-Origin", "*")
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
		h.Set("Access-Control-Allow-Headers", "*")
		h.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		h.Set("Allow", "GET, HEAD, OPTIONS")
		refuse(w, http.StatusMethodNotAllowed, "use GET or HEAD")
		return
	}
	path, name, ok := parsePath(r.URL.Path)
	if !ok {
		refuse(w, http.StatusNotFound, "no such file")
		return
	}
	select {
	case v.busy <- struct{}{}:
		defer func() { <-v.busy }()
	default:
		h.Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, "too many are watching recordings; try again in a second")
		return
	}
	v.serve(w, r, path, name)
}

// channelName is what a channel's folder can be called.
var channelName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// parsePath takes the path of a request apart. Of the files of a recording,
// those that players need have addresses.
func parsePath(path string) (file string, name packager.Name, ok bool) {
	rest, ok := strings.CutPrefix(path, "/vod/")
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 3 || !channelName.MatchString(parts[0]) || !recordingID.MatchString(parts[1]) {
		return "", name, false
	}
	name, ok = packager.ParseName(parts[2])
	if !ok || name.Kind == packager.NamePart {
		return "", name, false
	}
	return parts[0] + "/" + recordingsFolder + "/" + parts[1] + "/" + parts[2], name, true
}

// Has takes the path of a request apart, and reports whether the recording that
// it names is here. It is ok if a recording can have an address like that.
func (v *VOD) Has(path string) (channel, recording string, here, ok bool) {
	file, _, ok := parsePath(path)
	if !ok {
		return "", "", false, false
	}
	parts := strings.Split(file, "/")
	info, err := v.root.Stat(strings.Join(parts[:3], "/"))
	return parts[0], parts[2], err == nil && info.IsDir(), true
}

func (v *VOD) serve(w http.ResponseWriter, r *http.Request, path string, name packager.Name) {
	f, info, err := v.open(path)
	if errors.Is(err, os.ErrNotExist) {
		refuse(w, http.StatusNotFound, "there is no such recording, or it has no such file")
		return
	}
	if err != nil {
		refuse(w, http.StatusInternalServerError, "the recording cannot be read")
		return
	}
	defer f.Close()
	if name.Kind == packager.NameIndex || name.Kind == packager.NamePlaylist {
		v.playlist(w, r, path, f, info)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "video/mp4")
	if name.Rendition == packager.Audio {
		h.Set("Content-Type", "audio/mp4")
	}
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("ETag", tag(name.String(), info.Size()))
	defer patience(w, info.Size())()
	http.ServeContent(w, r, "", time.Time{}, f)
}

func (v *VOD) open(path string) (*os.File, os.FileInfo, error) {
	f, err := v.root.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = os.ErrNotExist
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

// playlist answers a playlist, compressed if the viewer takes it. One that is
// being written ends with its last whole entry.
func (v *VOD) playlist(w http.ResponseWriter, r *http.Request, path string, f *os.File, info os.FileInfo) {
	h := w.Header()
	h.Set("Content-Type", "application/vnd.apple.mpegurl")
	h.Set("Vary", "Accept-Encoding")
	if !ended(f, info.Size()) {
		v.growing(w, r, f, info.Size())
		return
	}
	h.Set("Cache-Control", "max-age=60")
	if accepts(r.Header) {
		if z, zi, err := v.open(path + ".gz"); err == nil {
			defer z.Close()
			h.Set("Content-Encoding", "gzip")
			f, info = z, zi
		}
	}
	h.Set("ETag", tag(strconv.FormatInt(info.ModTime().UnixNano(), 16), info.Size()))
	defer patience(w, info.Size())()
	http.ServeContent(w, r, "", time.Time{}, f)
}

// ended reports whether a media playlist is complete.
func ended(f io.ReaderAt, size int64) bool {
	end := make([]byte, len(endList))
	_, err := f.ReadAt(end, max(size-int64(len(end)), 0))
	return err == nil && string(end) == endList
}

// growing answers a playlist that may still change.
func (v *VOD) growing(w http.ResponseWriter, r *http.Request, f io.Reader, size int64) {
	select {
	case v.reading <- struct{}{}:
		defer func() { <-v.reading }()
	default:
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, "too many are watching recordings; try again in a second")
		return
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPlaylist))
	if err != nil || size > maxPlaylist {
		refuse(w, http.StatusInternalServerError, "the recording cannot be read")
		return
	}
	if bytes.Contains(text, []byte(typeEvent)) {
		text = settled(text)
	}
	h := w.Header()
	h.Set("Cache-Control", "max-age=1")
	if accepts(r.Header) {
		h.Set("Content-Encoding", "gzip")
		text = compress(text, gzip.BestSpeed)
	}
	h.Set("ETag", tag(strconv.FormatUint(uint64(crc32.ChecksumIEEE(text)), 16), int64(len(text))))
	defer patience(w, int64(len(text)))()
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}

// settled cuts off what is not a whole entry.
func settled(text []byte) []byte {
	for end := len(text); end > 0; {
		nl := bytes.LastIndexByte(text[:end], '\n')
		if nl < 0 {
			return nil
		}
		begin := bytes.LastIndexByte(text[:nl], '\n') + 1
		if begin < nl && text[begin] != '#' {
			return text[:nl+1]
		}
		end = begin
	}
	return nil
}

// patience sets how long a viewer may take to receive an answer: ten seconds,
// and what 64 kB a second need. It returns what has to be called behind it.
func patience(w http.ResponseWriter, size int64) (done func()) {
	limit := 10*time.Second + time.Duration(size)*time.Second/(64<<10)
	conn := http.NewResponseController(w)
	// A server that knows no deadlines has its own way to be rid of slow readers.
	_ = conn.SetWriteDeadline(time.Now().Add(limit))
	return func() { _ = conn.SetWriteDeadline(time.Time{}) }
}

func refuse(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "max-age=1")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // a viewer that left cannot be told
}

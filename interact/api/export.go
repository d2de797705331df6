package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// Limits of exports.
const (
	maxExports  = 2 // at once
	exportChunk = 64 << 10
	// exportPace is how long whoever asked may take to receive a chunk,
	// exportWait how long an export may take in all.
	exportPace = 10 * time.Second
	exportWait = time.Hour
)

// exportTypes are the formats and what they are called in HTTP.
var exportTypes = map[string]string{"csv": "text/csv; charset=utf-8", "json": "application/json; charset=utf-8"}

// export is a show with everybody's answers, as a file.
func (a *API) export(r *http.Request) (reply, error) {
	name, err := a.kept(r)
	if err != nil {
		return reply{}, err
	}
	format := r.URL.Query().Get("format")
	kind, ok := exportTypes[format]
	if !ok {
		return reply{}, interact.Errorf(interact.CodeInvalid, "format: %.20q is neither csv nor json", format)
	}
	if !r.ProtoAtLeast(1, 1) {
		return reply{}, &problem{http.StatusHTTPVersionNotSupported, interact.CodeInvalid,
			"HTTP/1.0 cannot tell a whole file from a part: ask with HTTP/1.1. A proxy in between has a setting for it, nginx proxy_http_version 1.1."}
	}
	show, _, err := a.result(r, name)
	if err != nil {
		return reply{}, err
	}
	d := &download{channel: name, show: show.ID, format: format, kind: kind}
	return reply{status: http.StatusOK, stream: func(w http.ResponseWriter, r *http.Request) { a.send(w, r, d) }}, nil
}

// send streams a file. What goes wrong before its first byte is an error as any
// other; afterwards the connection is cut, so that nobody takes a part for the
// whole (AP14).
func (a *API) send(w http.ResponseWriter, r *http.Request, d *download) {
	d.w, d.conn = w, http.NewResponseController(w)
	if r.Method == http.MethodHead {
		d.begin()
		w.WriteHeader(http.StatusOK)
		return
	}
	select {
	case a.exports <- struct{}{}:
		defer func() { <-a.exports }()
	default:
		a.fail(w, r, interact.Errorf(interact.CodeBusy, "This server is making %d exports already. Try again when they are done.", maxExports))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), exportWait)
	defer cancel()
	chunks := bufio.NewWriterSize(d, exportChunk)
	err := a.cfg.History.Export(ctx, chunks, d.channel, d.show, d.format)
	if err == nil {
		err = chunks.Flush()
	}
	switch {
	case err == nil:
	case !d.begun && errors.Is(err, ErrNoShow): // deleted in between
		a.fail(w, r, noShow(r))
	case !d.begun:
		a.fail(w, r, err)
	default:
		a.cfg.Log.Debug("export cut off", "channel", d.channel, "show", d.show, "err", err)
		panic(http.ErrAbortHandler)
	}
}

// download is a file on its way to whoever asked.
type download struct {
	channel      string
	show         int64
	format, kind string

	w     http.ResponseWriter
	conn  *http.ResponseController
	begun bool
}

func (d *download) begin() {
	h := d.w.Header()
	h.Set("Content-Type", d.kind)
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-%d.%s"`, d.channel, d.show, d.format))
	d.begun = true
}

// Write sends a chunk, and waits until it is on its way: a deadline that was
// left would be that of a slow database.
func (d *download) Write(chunk []byte) (int, error) {
	if !d.begun {
		d.begin()
	}
	// A server that knows no deadlines has its own way to be rid of slow readers.
	_ = d.conn.SetWriteDeadline(time.Now().Add(exportPace))
	defer func() { _ = d.conn.SetWriteDeadline(time.Time{}) }()
	n, err := d.w.Write(chunk)
	if err == nil {
		err = d.conn.Flush()
	}
	return n, err
}

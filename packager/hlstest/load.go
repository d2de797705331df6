package hlstest

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// load fetches a file and the init section that it needs.
func (f *follower) load(ctx context.Context, j job) {
	if ctx.Err() != nil {
		return
	}
	if j.initURL != "" && f.r.Inits[j.init] == nil {
		e, body := f.get.get(ctx, j.initURL, requestTime, maxMedia, rangeHeader(j.initSpan))
		if ctx.Err() != nil {
			return
		}
		in := &InitFile{Exchange: e}
		if e.Err == "" && (e.Status == http.StatusOK || e.Status == http.StatusPartialContent) {
			in.Init = ParseInit(body)
		}
		f.r.Inits[j.init] = in
	}
	e, body := f.get.get(ctx, j.url, 2*requestTime, maxMedia, rangeHeader(j.span))
	if ctx.Err() != nil {
		return
	}
	file := &File{Exchange: e, At: j.at, Map: j.init, Domain: j.domain}
	if j.span != "" {
		f.try(Trial{Exchange: e, Kind: TrialRange, Rendition: f.index()})
		if e.Status == http.StatusPartialContent {
			file.Status = http.StatusOK
		}
	}
	if file.OK() {
		var init *Init
		if in := f.r.Inits[j.init]; in != nil {
			init = in.Init
		}
		file.Media = parseMedia(body, init)
	}
	if j.at.Part == WholeSegment {
		f.r.Whole[j.key] = file
	} else {
		f.r.Parts[j.key] = file
	}
}

// rangeHeader asks for the bytes that an attribute BYTERANGE names. Without an
// offset it means those that follow, which is left to players.
func rangeHeader(span string) http.Header {
	length, offset, ok := strings.Cut(span, "@")
	if !ok {
		return nil
	}
	n, err := strconv.ParseUint(length, 10, 62)
	from, err2 := strconv.ParseUint(offset, 10, 62)
	if err != nil || err2 != nil || n == 0 {
		return nil
	}
	return http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", from, from+n-1)}}
}

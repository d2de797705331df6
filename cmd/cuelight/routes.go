package main

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strings"
	"time"

	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/archive"
	playersdk "github.com/cuelight/cuelight/player-sdk"
	"github.com/cuelight/cuelight/studio"
)

// routes is everything on the HTTP port.
func (srv *server) routes(media http.Handler) (_ http.Handler, err error) {
	player := pages{files: builtInto(playersdk.Dist), name: "the watch page", framedBy: "*"}
	console := pages{files: builtInto(studio.Dist), name: "the studio", framedBy: "'none'"}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /watch/{channel}", srv.channelPage(player, "watch.html"))
	mux.HandleFunc("GET /graphics/{channel}", srv.channelPage(player, "graphics.html"))
	mux.Handle("GET /player/", player.assets("/player"))
	mux.HandleFunc("GET /studio/{$}", func(w http.ResponseWriter, _ *http.Request) {
		console.page(w, "index.html")
	})
	mux.Handle("GET /studio", http.RedirectHandler("/studio/", http.StatusMovedPermanently))
	mux.Handle("GET /studio/", console.assets("/studio"))
	mux.HandleFunc("GET /hls/{channel}/timeline.json", srv.timelineJSON)
	media = srv.withRole(media, roleOrigin, roleIngest, roleStudio)
	mux.Handle(hlsPath, media)
	mux.Handle("GET /hls/{channel}/index.m3u8", srv.forProducers(media))
	if srv.recordings, err = archive.NewVOD(channelsFolder(srv.settings.Data)); err != nil {
		return nil, err
	}
	mux.HandleFunc("/vod/{channel}/", srv.playRecording)
	if srv.whip != nil {
		mux.Handle("/whip", srv.whip)
		mux.Handle("/whip/", srv.whip)
	}
	mux.Handle("/api/v1/", srv.withRole(srv.apiRoutes(), roleStudio, roleGateway))
	mux.Handle("/ws/v1", srv.withRole(srv.gateway, roleGateway, roleStudio))
	mux.HandleFunc("GET /{$}", srv.front)
	return mediaFirst(media, mux), nil
}

// apiRoutes is the API: here, but for what another node has to answer.
func (srv *server) apiRoutes() http.Handler {
	if srv.cluster == nil {
		return srv.api
	}
	return newForwarder(srv.cluster.find, srv.api, srv.api.Refuse, srv.cluster.transport, srv.log)
}

// hlsPath is where media is.
const hlsPath = "/hls/"

// mediaFirst spares requests for media, of which there are thousands a second,
// the search for their route. The multivariant playlist and what no packager
// makes have routes of their own among the rest.
func mediaFirst(media, rest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isMedia(r.URL.Path) {
			rest.ServeHTTP(w, r)
			return
		}
		r.Pattern = hlsPath // as the mux does
		media.ServeHTTP(w, r)
	})
}

func isMedia(path string) bool {
	return strings.HasPrefix(path, hlsPath) &&
		(strings.HasSuffix(path, ".mp4") || strings.HasSuffix(path, ".m3u8") && !strings.HasSuffix(path, "/"+packager.Index))
}

// forProducers lets producers who are signed in play protected channels without
// a token in the address: the studio's preview.
func (srv *server) forProducers(media http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("channel")
		if srv.settings.Channels[name].Protected && r.Header.Get("Authorization") == "" && !r.URL.Query().Has("token") {
			if claims, ok := srv.api.SignedIn(r); ok && claims.May(name) {
				r = srv.admitted(r, name)
			}
		}
		media.ServeHTTP(w, r)
	})
}

// admitted is r with a token of its own, for a moment.
func (srv *server) admitted(r *http.Request, channel string) *http.Request {
	now := time.Now()
	tok, err := srv.tokens.Mint(token.Claims{Role: token.RoleProducer, Subject: "preview", Channels: []string{channel}, Expires: now.Add(time.Minute)}, now)
	if err != nil {
		srv.log.Error("preview has no token", "channel", channel, "err", err)
		return r
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+tok)
	return r
}

// playRecording serves what was recorded. That of a protected channel is for
// producers: its files have no path that changes.
func (srv *server) playRecording(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("channel")
	if srv.settings.Channels[name].Protected {
		if claims, ok := srv.api.SignedIn(r); !ok || !claims.May(name) {
			http.Error(w, "sign in to the studio to play this recording", http.StatusUnauthorized)
			return
		}
	}
	srv.serveRecording(w, r)
}

// channelPage serves a page that belongs to the channel named in the address.
func (srv *server) channelPage(p pages, file string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if name := r.PathValue("channel"); srv.channels[name] == nil {
			srv.noChannel(w, name)
			return
		}
		p.page(w, file)
	}
}

// front lists the channels, so that the bare address leads somewhere.
func (srv *server) front(w http.ResponseWriter, _ *http.Request) {
	var list strings.Builder
	for _, name := range srv.settings.sortedChannels() {
		fmt.Fprintf(&list, "<li><a href=\"/watch/%s\">%s</a></li>\n", name, html.EscapeString(srv.settings.Channels[name].Title))
	}
	writePage(w, http.StatusOK, "Cuelight", "<p>Channels</p><ul>"+list.String()+"</ul><p><a href=\"/studio/\">Studio</a></p>")
}

func (srv *server) noChannel(w http.ResponseWriter, name string) {
	writePage(w, http.StatusNotFound, "No such channel",
		"<p>There is no channel called <b>"+html.EscapeString(name)+"</b>.</p><p><a href=\"/\">See the channels</a></p>")
}

// writePage answers with a small page of text.
func writePage(w http.ResponseWriter, status int, title, body string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>%s</title><style>:root{color-scheme:light dark}body{font:1.1rem/1.6 system-ui,sans-serif;max-width:40rem;margin:12vh auto;padding:0 1.25rem}
h1{font-size:1.6rem}a{color:inherit}</style><h1>%s</h1>%s</html>`, title, title, body)
}

// timelineJSON is the channel's timeline for players without a socket.
func (srv *server) timelineJSON(w http.ResponseWriter, r *http.Request) {
	timeline, ok := srv.told(r.PathValue("channel"))
	if !ok {
		http.Error(w, "there is no such channel", http.StatusNotFound)
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cache-Control", "max-age=1")
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(timeline) // the reader has gone if this fails
}

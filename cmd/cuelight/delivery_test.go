package main

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/interact/wire"
)

// TestHTTPS: the same pages by HTTP/2 inside TLS, and the way there.
func TestHTTPS(t *testing.T) {
	cert, key := certificate(t)
	s := onAir(t, fmt.Sprintf("https: 127.0.0.1:0\nrtmps: off\ntls: {cert: %s, key: %s, redirect: true}\nchannels: {show: {open: true}}\n", cert, key))
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true} // nobody has signed it
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	answer, err := client.Get(s.web + "/watch/show")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK || answer.ProtoMajor != 2 || answer.Request.URL.Scheme != "https" {
		t.Errorf("%s by %s from %s", answer.Status, answer.Proto, answer.Request.URL)
	}
}

var pathOfMedia = regexp.MustCompile(`(?m)^(\S+)/video\.m3u8$`)

// TestProtectedChannel: without a token there is nothing; with one, the media
// are under a path that is the same for all.
func TestProtectedChannel(t *testing.T) {
	e := quiet(t)
	file := writeFile(t, "channels: {show: {open: true, protected: true}, other: {open: true}}\n")
	text, stop := announced(t, e, "serve", "--config", file)
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("stopped with %v", err)
		}
	})
	ticket := func(channel, subject string) string {
		tok, err := command(t, e, "token", "viewer", "--config", file, "--subject", subject, "--channel", channel)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(tok)
	}
	alice, bob, stranger := ticket("show", "alice"), ticket("show", "bob"), ticket("other", "mallory")
	s := &station{web: webAddress.FindString(text), text: text}
	encode(t, "-f", "flv", "rtmp://"+s.address(t, "rtmp")+"/live/show")
	s.token = alice
	first := until(t, "the playlist", func() string { return string(s.get(t, "/hls/show/index.m3u8")) }, func(text string) bool { return text != "" })
	s.token = bob
	if second := string(s.get(t, "/hls/show/index.m3u8")); pathOfMedia.FindString(second) != pathOfMedia.FindString(first) {
		t.Errorf("A4 two viewers have two paths:\n%s\n%s", first, second)
	}
	s.token = ""
	path := pathOfMedia.FindStringSubmatch(first)
	if path == nil || strings.Contains(first, "token") {
		t.Fatalf("A3 the playlist is\n%s", first)
	}
	if s.get(t, "/hls/show/"+path[1]+"/video.m3u8") == nil {
		t.Error("A4 the path does not lead to media")
	}
	s.token = stranger
	for _, denied := range []string{"/hls/show/index.m3u8", "/hls/show/video.m3u8", "/hls/show/index.m3u8?token=" + stranger} {
		if body := s.get(t, denied); body != nil {
			t.Errorf("A1 %s is given away: %.80s", denied, body)
		}
	}
	s.token = hears[*wire.Welcome](s.visit(t, wire.Hello{})).Token
	if body := s.get(t, "/hls/show/index.m3u8"); s.token == "" || body != nil {
		t.Errorf("AD12 it is given away to whoever says hello: %.80s", body)
	}
}

// TestRecording: what was on air plays afterwards.
func TestRecording(t *testing.T) {
	e := quiet(t)
	file := writeFile(t, "channels: {show: {open: true, record: true, window: 30m}}\n")
	text, stop := announced(t, e, "serve", "--config", file)
	s := &station{web: webAddress.FindString(text), text: text}
	encode(t, "-t", "6", "-f", "flv", "rtmp://"+s.address(t, "rtmp")+"/live/show").Wait(t)
	if err := stop(); err != nil {
		t.Errorf("stopped with %v", err)
	}
	again, stop := announced(t, e, "serve", "--config", file)
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("stopped with %v", err)
		}
	})
	s = &station{web: webAddress.FindString(again), text: again}
	found, err := filepath.Glob(filepath.Join(e["CUELIGHT_DATA"], "channels", "show", "recordings", "*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("recordings %v, %v", found, err)
	}
	base := "/vod/show/" + filepath.Base(found[0]) + "/"
	if index := string(s.get(t, base+"index.m3u8")); !strings.Contains(index, "video.m3u8") {
		t.Fatalf("index:\n%s", index)
	}
	list := string(s.get(t, base+"video.m3u8"))
	if !strings.Contains(list, "#EXT-X-ENDLIST") || strings.Count(list, "#EXTINF") < 3 {
		t.Errorf("playlist:\n%s", list)
	}
	for _, line := range strings.Split(list, "\n") {
		if strings.HasSuffix(line, ".mp4") && s.get(t, base+line) == nil {
			t.Errorf("%s cannot be loaded", line)
		}
	}
}

package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// env is an environment for run.
type env map[string]string

func (e env) get(name string) string { return e[name] }

// command runs a command to its end and returns what it printed.
func command(t *testing.T, e env, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := run(t.Context(), args, e.get, &out, t.Output())
	return out.String(), err
}

// quiet are addresses that disturb nobody.
func quiet(t *testing.T) env {
	t.Helper()
	const free = "127.0.0.1:0"
	return env{
		"CUELIGHT_HTTP": free, "CUELIGHT_RTMP": free, "CUELIGHT_SRT": free, "CUELIGHT_RTSP": free,
		"CUELIGHT_WEBRTC": free, "CUELIGHT_ADMIN": free,
		"CUELIGHT_DATA": t.TempDir(), "CUELIGHT_LOG_LEVEL": "warn",
	}
}

func TestCommandLine(t *testing.T) {
	for _, tc := range []struct {
		name string
		env  env
		args []string
		out  string // in what is printed
		err  string // in the error; "" for none
	}{
		{"no arguments show the commands", nil, nil, "check-config", ""},
		{"help of a command", nil, []string{"serve", "--help"}, "--rtmp", ""},
		{"version", nil, []string{"version"}, "cuelight ", ""},
		{"an unknown flag", nil, []string{"serve", "--htpp", ":1"}, "", "--htpp"},
		{"an unknown command", nil, []string{"sreve"}, "", "sreve"},
		{"the effective configuration", nil, []string{"check-config", "--http", ":1"}, `:1`, ""},
		{"a flag before the environment", env{"CUELIGHT_HTTP": ":2"}, []string{"check-config", "--http", ":3"}, ":3", ""},
		{"the environment", env{"CUELIGHT_HTTP": ":2"}, []string{"check-config"}, ":2", ""},
		{"a bad environment", env{"CUELIGHT_RTMP": "nowhere"}, []string{"check-config"}, "", "rtmp: "},
		{"a file that is not there", nil, []string{"serve", "--config", "/nowhere.yaml"}, "", "/nowhere.yaml"},
		{"a viewer without an identity", nil, []string{"token", "viewer"}, "", "--subject"},
		{"a number of viewers that is none", nil, []string{"demo", "--viewers", "many"}, "", "viewers"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, err := command(t, tc.env, tc.args...)
			if !strings.Contains(out, tc.out) {
				t.Errorf("printed %q, want %q in it", out, tc.out)
			}
			if got := err != nil; got != (tc.err != "") || got && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("err = %v, want %q", err, tc.err)
			}
		})
	}
}

func TestCheckConfigHidesKeys(t *testing.T) {
	file := writeFile(t, "channels:\n  show:\n    key: abracadabra\n")
	out, err := command(t, nil, "check-config", "--config", file)
	if err != nil || !strings.Contains(out, "(hidden)") || strings.Contains(out, "abracadabra") {
		t.Errorf("printed %s, %v", out, err)
	}
}

func TestTokens(t *testing.T) {
	e := env{"CUELIGHT_DATA": t.TempDir()}
	link, err := command(t, e, "token", "producer", "--url", "http://host:8080")
	if err != nil || !regexp.MustCompile(`^http://host:8080/studio/#token=[\w.-]+\n$`).MatchString(link) {
		t.Errorf("link = %q, %v", link, err)
	}
	first, err := command(t, e, "token", "publish")
	if err != nil || !regexp.MustCompile(`^show:\w{20,}\n$`).MatchString(first) {
		t.Errorf("stream key = %q, %v", first, err)
	}
	if again, err := command(t, e, "token", "publish"); err != nil || again != first {
		t.Errorf("stream key became %q, %v", again, err)
	}
	for _, args := range [][]string{
		{"token", "producer", "--channel", "nowhere"},
		{"token", "publish", "--channel", "nowhere"},
		{"token", "producer", "--ttl", "-1h"},
		{"token", "producer", "--url", "host"},
	} {
		if out, err := command(t, e, args...); err == nil {
			t.Errorf("%v printed %q", args, out)
		}
	}
}

// announced starts serve or demo and returns what it announced, once it has,
// and a function that stops it and returns its error.
func announced(t *testing.T, e env, args ...string) (text string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, args, e.get, w, t.Output())
		w.CloseWithError(io.EOF)
		done <- err
	}()
	var out strings.Builder
	buf := make([]byte, 4096)
	for !strings.HasSuffix(out.String(), "\n\n") || out.Len() < 100 {
		n, err := r.Read(buf)
		out.Write(buf[:n])
		if err != nil {
			cancel()
			t.Fatalf("it ended at once: %v", <-done)
		}
	}
	go io.Copy(io.Discard, r) // ends with the pipe
	return out.String(), func() error { cancel(); return <-done }
}

var webAddress = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

func TestServeAnswersAndStops(t *testing.T) {
	text, stop := announced(t, quiet(t), "serve")
	web := webAddress.FindString(text)
	for path, want := range map[string]int{
		"/":                       http.StatusOK,
		"/watch/show":             http.StatusOK,
		"/watch/nothing":          http.StatusNotFound,
		"/graphics/show":          http.StatusOK,
		"/graphics/nothing":       http.StatusNotFound,
		"/studio/":                http.StatusOK,
		"/hls/show/timeline.json": http.StatusOK,
		"/hls/show/index.m3u8":    http.StatusNotFound, // nobody publishes
		"/api/v1/channels":        http.StatusUnauthorized,
		"/nothing":                http.StatusNotFound,
		"/player/.gitkeep":        http.StatusNotFound,
	} {
		answer, err := http.Get(web + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s: %s, want %d", path, answer.Status, want)
		}
	}
	if err := stop(); err != nil {
		t.Errorf("stopped with %v", err)
	}
}

func TestTwoInstances(t *testing.T) {
	first := quiet(t)
	_, stopFirst := announced(t, first, "serve")
	_, stopSecond := announced(t, quiet(t), "serve")

	third := quiet(t)
	third["CUELIGHT_DATA"] = first["CUELIGHT_DATA"]
	if _, err := command(t, third, "serve"); err == nil || !strings.Contains(err.Error(), "--data") {
		t.Errorf("two servers on one folder: %v", err)
	}
	if err := stopFirst(); err != nil {
		t.Error(err)
	}
	if err := stopSecond(); err != nil {
		t.Error(err)
	}
}

func TestPortInUse(t *testing.T) {
	e := quiet(t)
	text, stop := announced(t, e, "serve")
	taken := quiet(t)
	taken["CUELIGHT_RTMP"] = strings.TrimPrefix(webAddress.FindString(text), "http://")
	_, err := command(t, taken, "serve")
	if err == nil || !strings.Contains(err.Error(), "--rtmp") || !strings.Contains(err.Error(), "CUELIGHT_RTMP") {
		t.Errorf("err = %v, want what to do about it", err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestDemoPlays: the demo's own broadcast comes out as HLS, over its own RTMP.
func TestDemoPlays(t *testing.T) {
	e := quiet(t)
	delete(e, "CUELIGHT_DATA")
	e["CUELIGHT_VIEWERS"] = "5"
	t.Setenv("TMPDIR", t.TempDir())
	text, stop := announced(t, e, "demo")
	if !strings.Contains(text, "/studio/#token=") {
		t.Errorf("no sign-in link in %s", text)
	}
	web := webAddress.FindString(text)
	deadline := time.After(30 * time.Second)
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		answer, err := http.Get(web + "/hls/show/video.m3u8")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body) // what was read is judged below
		answer.Body.Close()
		if bytes.Contains(body, []byte("#EXT-X-PART:")) {
			break
		}
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("no part within 30 s: %s %s", answer.Status, body)
		}
	}
	if err := stop(); err != nil {
		t.Errorf("stopped with %v", err)
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "cuelight-demo-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("the demo left %v, %v", left, err)
	}
}

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// edge is nginx with the configuration of deploy/nginx.
type edge struct {
	*process
	addr string
	log  string // of what it asked of the origin
}

// files are the configuration that operators install.
var files = []string{"cuelight.conf", "cuelight-age.conf"}

// frame is the nginx.conf around it. The format of the log is for [asked].
const frame = `daemon off;
worker_processes auto;
worker_rlimit_nofile 16384;
pid %[1]s/nginx.pid;
error_log stderr warn;
events { worker_connections 8192; }
http {
    sendfile on;
    tcp_nopush on;
    client_body_temp_path %[1]s/body;
    proxy_temp_path %[1]s/proxy;
    fastcgi_temp_path %[1]s/fastcgi;
    uwsgi_temp_path %[1]s/uwsgi;
    scgi_temp_path %[1]s/scgi;
    log_format asked "$request_method $uri$cuelight_query $upstream_cache_status $upstream_status";
    access_log %[1]s/asked.log asked buffer=64k flush=200ms if=$upstream_status;
    include %[1]s/cuelight.conf;
}
`

// place is what differs from one operator to the next.
type place struct{ from, to string }

// places are where the edge of a test is not where an operator's is.
func places(dir, addr, origin string) []place {
	return []place{
		{"server 127.0.0.1:8080;", "server " + origin + ";"},
		{"listen 80;", "listen " + addr + ";"},
		{"/var/cache/nginx/cuelight-playlists", dir + "/playlists"},
		{"/var/cache/nginx/cuelight-media", dir + "/media"},
	}
}

// placed puts the configuration where it is to run.
//
// Errors: a place that the text does not have exactly once.
func placed(text string, places []place) (string, error) {
	for _, p := range places {
		if n := strings.Count(text, p.from); n != 1 {
			return "", fmt.Errorf("the configuration has %q %d times, want once", p.from, n)
		}
		text = strings.Replace(text, p.from, p.to, 1)
	}
	return text, nil
}

func startEdge(ctx context.Context, config, dir, origin string) (*edge, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	dir = filepath.Join(dir, "edge")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	// Workers of an nginx that root starts are somebody else.
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	if err := configure(config, dir, addr, origin); err != nil {
		return nil, fmt.Errorf("configure nginx: %w", err)
	}
	p, err := start("nginx", "-p", dir, "-c", filepath.Join(dir, "nginx.conf"))
	if err != nil {
		return nil, fmt.Errorf("%w (apt-get install nginx-light)", err)
	}
	e := &edge{process: p, addr: addr, log: filepath.Join(dir, "asked.log")}
	if err := await(ctx, "http://"+addr+"/", p); err != nil {
		p.stop()
		return nil, err
	}
	return e, nil
}

func configure(config, dir, addr, origin string) error {
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join(config, name))
		if err != nil {
			return err
		}
		out := string(text)
		if name == files[0] {
			if out, err = placed(out, places(dir, addr, origin)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(out), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "nginx.conf"), fmt.Appendf(nil, frame, dir), 0o644)
}

// logged is how long the edge may keep lines of its log to itself, and some.
const logged = 500 * time.Millisecond

// asked reads what the edge has asked for so far.
func (e *edge) asked(ctx context.Context) (asked, error) {
	if err := pause(ctx, logged); err != nil {
		return nil, err
	}
	f, err := os.Open(e.log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return countAsked(f)
}

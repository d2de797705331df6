package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/cuelight/cuelight/interact/wire"
)

// product is the real program, serving one channel that nobody publishes to.
type product struct {
	*peer
	producer producer
}

const channel = "show"

// buildProduct builds the program into dir and returns its path.
func buildProduct(ctx context.Context, dir string) (string, error) {
	program := filepath.Join(dir, "cuelight")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/cuelight")
	build.Dir = ".."
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("build cuelight (run this in the folder bench): %w", err)
	}
	return program, nil
}

// startProduct starts program with its data in dir, on free ports.
func startProduct(ctx context.Context, program, dir string) (*product, error) {
	data, config := filepath.Join(dir, "data"), filepath.Join(dir, "cuelight.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "capacity: {sockets: %d}\n", maxSockets), 0o600); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	p, err := startPeer(ctx, "cuelight", watchPage(channel), program, "serve", "--config", config, "--data", data,
		"--http", "127.0.0.1:0", "--rtmp", "off", "--srt", "off", "--rtsp", "off", "--webrtc", "off", "--admin", "off", "--log-level", "warn")
	if err != nil {
		return nil, err
	}
	token, err := exec.CommandContext(ctx, program, "token", "producer", "--data", data).Output()
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("ask for a producer's token: %w", err)
	}
	return &product{p, producer{
		base:  p.url + "/api/v1/channels/" + channel,
		token: strings.TrimSpace(string(token)),
	}}, nil
}

func (p *product) sockets() string { return "ws" + strings.TrimPrefix(p.url, "http") + "/ws/v1" }

// hello is what every viewer says first.
func hello() ([]byte, error) {
	return wire.Encode(&wire.Hello{Version: wire.Version, Channel: channel, Role: wire.RoleViewer})
}

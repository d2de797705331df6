package main

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestNodeThatDoesNotFit: what would go wrong later, and for everybody, is said
// when the node starts.
func TestNodeThatDoesNotFit(t *testing.T) {
	v := newVillage(t)
	here := v.settle("a", "gateway", "channels: {show: {}}\n")
	refused := func(name, secret string) string {
		t.Helper()
		const free = "127.0.0.1:0"
		text := fmt.Sprintf("secret: %s\nroles: [gateway]\nnode: {id: %s, listen: %q}\nredis: {addresses: [%q]}\nchannels: {show: {}}\n", secret, name, free, v.redis.Addr)
		s, err := readSettings(writeFile(t, text), listenFlags{HTTP: free, RTMP: "off", SRT: "off", RTSP: "off", WebRTC: "off", Admin: "off", Data: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		srv, err := newServer(t.Context(), s, slog.New(slog.DiscardHandler))
		if err == nil {
			_ = srv.close()
			t.Fatalf("%s was let in", name)
		}
		return err.Error()
	}
	same := strings.Repeat("k7", 16)
	if why := refused("b", strings.Repeat("k8", 16)); !strings.Contains(why, "secret_file: node a") || !strings.Contains(why, "give all nodes the same") {
		t.Errorf("another secret: %s", why)
	}
	if why := refused("a", same); !strings.Contains(why, `the name "a"`) || !strings.Contains(why, here.cluster.url) {
		t.Errorf("a name that is taken: %s", why)
	}
	if strings.Contains(refused("a", strings.Repeat("k8", 16)), "k8") {
		t.Error("the secret is in the error")
	}
	here.stop()
	v.settle("a", "gateway", "channels: {show: {}}\n") // the name is free again
}

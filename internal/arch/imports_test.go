package arch_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/cuelight/cuelight/"

// Each line has its reason, because the reader of a failure needs one.
var forbidden = []struct{ from, to, why string }{
	{"ingest", "packager", "they meet in cmd, through media.Frame"},
	{"ingest", "interact", "a broken poll must not stop a stream"},
	{"packager", "ingest", "they meet in cmd, through media.Frame"},
	{"packager", "interact", "they meet in cmd, through sync/timeline"},
	{"packager", "sync/timeline", "a packager is told instants, it does not estimate them"},
	{"interact", "ingest", "interactions run on the room clock, not on encoders"},
	{"interact", "packager", "interactions run on the room clock, not on segments"},
	{"sync", "ingest", "sync is arithmetic"},
	{"sync", "packager", "sync is arithmetic"},
	{"sync", "interact", "sync is arithmetic"},
	{"sync", "internal", "sync is arithmetic"},
	{"sync/clock", "sync/node", "a clock is told the time"},
	{"sync/clock", "sync/sntp", "a clock is told the time"},
	{"sync/clock", "sync/follow", "a clock is told the time"},
	{"internal/media", "ingest", "media is what others share"},
	{"internal/media", "packager", "media is what others share"},
	{"ingest", "cmd", "cmd is seen by no one"},
	{"packager", "cmd", "cmd is seen by no one"},
	{"interact", "cmd", "cmd is seen by no one"},
	{"internal", "cmd", "cmd is seen by no one"},
	{"ingest/rtmp", "ingest/srt", "siblings are strangers"},
	{"ingest/rtmp", "ingest/rtsp", "siblings are strangers"},
	{"ingest/rtmp", "ingest/whip", "siblings are strangers"},
	{"ingest/rtmp", "ingest/hlspull", "siblings are strangers"},
	{"ingest/srt", "ingest/rtmp", "siblings are strangers"},
	{"ingest/srt", "ingest/rtsp", "siblings are strangers"},
	{"ingest/srt", "ingest/whip", "siblings are strangers"},
	{"ingest/srt", "ingest/hlspull", "siblings are strangers"},
	{"ingest/rtsp", "ingest/rtmp", "siblings are strangers"},
	{"ingest/rtsp", "ingest/srt", "siblings are strangers"},
	{"ingest/rtsp", "ingest/whip", "siblings are strangers"},
	{"ingest/rtsp", "ingest/hlspull", "siblings are strangers"},
	{"ingest/whip", "ingest/rtmp", "siblings are strangers"},
	{"ingest/whip", "ingest/srt", "siblings are strangers"},
	{"ingest/whip", "ingest/rtsp", "siblings are strangers"},
	{"ingest/whip", "ingest/hlspull", "siblings are strangers"},
	{"ingest/hlspull", "ingest/rtmp", "siblings are strangers"},
	{"ingest/hlspull", "ingest/srt", "siblings are strangers"},
	{"ingest/hlspull", "ingest/rtsp", "siblings are strangers"},
	{"ingest/hlspull", "ingest/whip", "siblings are strangers"},
	{"interact/gateway", "interact/engine", "siblings are strangers; they meet in cmd"},
	{"interact/gateway", "interact/embedded", "siblings are strangers; they meet in cmd"},
	{"interact/gateway", "interact/api", "siblings are strangers; they meet in cmd"},
	{"interact/api", "interact/engine", "siblings are strangers; they meet in cmd"},
	{"interact/api", "interact/gateway", "siblings are strangers; they meet in cmd"},
	{"interact/engine", "interact/gateway", "the engine is told where to broadcast"},
	{"interact/engine", "interact/embedded", "the engine is told where to write"},
	{"interact/engine", "interact/api", "an engine does not know HTTP"},
	{"interact/admission", "interact/engine", "who may come in is not what happens inside"},
	{"interact/admission", "interact/gateway", "who may come in does not know of sockets"},
	{"interact/admission", "interact/api", "who may come in does not know HTTP"},
	{"interact/fallback", "interact/gateway", "a stream speaks to the gateway as a socket does"},
	{"interact/fallback", "interact/engine", "siblings are strangers; they meet in cmd"},
	{"interact/fallback", "interact/api", "siblings are strangers; they meet in cmd"},
	{"interact/gateway", "interact/fallback", "siblings are strangers; they meet in cmd"},
	{"interact/api", "interact/fallback", "siblings are strangers; they meet in cmd"},
	{"interact/embedded", "interact/engine", "a store stores"},
	{"interact/memory", "interact/engine", "a store stores"},
	{"interact/memory", "interact/embedded", "siblings are strangers"},
	{"interact/embedded", "interact/memory", "siblings are strangers"},
	{"interact/engine", "interact/memory", "the engine is told where to write"},
	{"interact/wire", "interact/engine", "messages are plain data"},
	{"internal/loadgen", "interact/engine", "a load generator knows a server from outside"},
	{"internal/loadgen", "interact/gateway", "a load generator knows a server from outside"},
	{"internal/loadgen", "internal/audience", "siblings are strangers"},
	{"internal/audience", "internal/loadgen", "siblings are strangers"},
	{"interact/redis", "interact/engine", "a store stores"},
	{"interact/redis", "interact/gateway", "a store stores"},
	{"interact/redis", "interact/embedded", "siblings are strangers"},
	{"interact/engine", "interact/redis", "the engine is told where to write"},
	{"interact/gateway", "interact/redis", "siblings are strangers; they meet in cmd"},
	{"interact/history", "interact/engine", "history is told what has happened"},
	{"interact/history", "interact/redis", "history is told what has happened"},
	{"interact/engine", "interact/history", "history is never in the way of an answer"},
	{"interact/api", "interact/history", "siblings are strangers; they meet in cmd"},
	{"packager/edge", "packager/origin", "an edge knows an origin by HTTP"},
	{"packager/edge", "interact", "media do not know of answers"},
	{"internal/lease", "interact", "a lease is for anything"},
}

// Packages that are arithmetic, and what arithmetic does not use.
var (
	pure = []string{
		"sync/clock", "sync/timeline", "sync/cue", "internal/media",
		"packager/m3u8", "packager/cmaf", "interact", "interact/wire", "internal/capacity",
	}
	impure = []string{"os", "net", "net/http", "log", "log/slog", "os/exec", "sync"}
)

type listed struct {
	ImportPath string
	Doc        string
	Imports    []string
	GoFiles    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Doc,Imports,GoFiles", module+"...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			if len(all) < 5 {
				t.Fatalf("only %d packages listed", len(all))
			}
			return all
		case err != nil:
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// checker is called a test, but is part of the product: it tests servers.
const checker = module + "packager/hlstest"

func TestImportDirections(t *testing.T) {
	for _, p := range packages(t) {
		for _, imp := range p.Imports {
			for _, f := range forbidden {
				if under(p.ImportPath, f.from) && under(imp, f.to) {
					t.Errorf("%s imports %s: %s", p.ImportPath, imp, f.why)
				}
			}
			if strings.HasPrefix(imp, module) && strings.HasSuffix(imp, "test") && imp != checker && !strings.HasSuffix(p.ImportPath, "test") {
				t.Errorf("%s imports %s outside a test", p.ImportPath, imp)
			}
		}
	}
}

func TestPurePackages(t *testing.T) {
	for _, p := range packages(t) {
		for _, name := range pure {
			if p.ImportPath != module+name {
				continue
			}
			for _, imp := range p.Imports {
				for _, bad := range impure {
					if imp == bad {
						t.Errorf("%s is pure and imports %s", p.ImportPath, imp)
					}
				}
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range packages(t) {
		if p.Doc == "" && len(p.GoFiles) > 0 {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

func under(pkg, tree string) bool {
	return pkg == module+tree || strings.HasPrefix(pkg, module+tree+"/")
}

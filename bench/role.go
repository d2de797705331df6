package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
)

// The roles in which this program starts itself again: the servers that are
// not a program of their own.
const (
	roleEcho     = "echo"
	roleCuelight = "hls-cuelight"
	roleGohlslib = "hls-gohlslib"
	roleIngest   = "ingest-gohlslib"
	roleEncoder  = "encoder"
	roleBare     = "bare"
	roleCentri   = "centrifuge"
)

// runRole serves until stdin ends, which it does when the parent is gone.
func runRole(s settings) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+countsPath, serveCounts)
	var handler http.Handler = mux
	switch s.role {
	case roleEcho:
		mux.Handle(echoPath, newEcho())
	case roleCuelight, roleGohlslib:
		if err := addHLS(mux, s.role); err != nil {
			return err
		}
	case roleIngest:
		if err := addBaseIngest(mux, s.part); err != nil {
			return err
		}
	case roleCentri:
		if err := addCentrifuge(mux); err != nil {
			return err
		}
	case roleBare:
		handler = addBare(mux)
	case roleEncoder:
		if err := addEncoder(mux, s.clip, s.target); err != nil {
			return err
		}
	default:
		return fmt.Errorf("role: %q is not one of ours", s.role)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + ln.Addr().String())
	go func() {
		io.Copy(io.Discard, os.Stdin) // its end is all there is to know
		os.Exit(0)                    // a server under test has nothing to save
	}()
	return http.Serve(ln, handler)
}

// countsPath is where a role says what it has allocated.
const countsPath = "/bench/counts"

// counts are running totals of a process.
type counts struct {
	Mallocs uint64 `json:"mallocs"`
	Bytes   uint64 `json:"bytes"`
}

func serveCounts(w http.ResponseWriter, _ *http.Request) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	json.NewEncoder(w).Encode(counts{m.Mallocs, m.TotalAlloc}) // the parent is gone if this fails
}

// getJSON asks a role.
func getJSON(url string, into any) error {
	resp, err := asker.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("get %s: %s", url, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"

	"github.com/cuelight/cuelight/internal/demo"
)

const (
	cutsPath = "/bench/cuts" // where a role says when parts were cut
	hlsPath  = "/hls/" + channel + "/"
)

// addHLS adds one of the two HLS servers to mux, full of media and live.
func addHLS(mux *http.ServeMux, role string) error {
	clip, err := demo.Load()
	if err != nil {
		return err
	}
	var server hlsServer
	var handler http.Handler
	if role == roleCuelight {
		server, handler, err = newCuelight(clip)
	} else {
		server, handler, err = newGohlslib(clip)
	}
	if err != nil {
		return err
	}
	f := &feed{clip: clip, server: server}
	mux.Handle(hlsPath, handler)
	mux.HandleFunc("GET "+cutsPath, func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(f.all()) // the parent is gone if this fails
	})
	ready := make(chan struct{})
	failed := make(chan error, 1)
	go func() { failed <- fmt.Errorf("%s refuses the clip: %w", role, f.run(func() { close(ready) })) }()
	select {
	case <-ready:
	case err := <-failed:
		return err
	}
	go func() { log.Fatal(<-failed) }() // figures of a server without media mean nothing
	return nil
}

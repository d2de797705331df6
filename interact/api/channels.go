package api

import (
	_ "embed" // for openapi.json
	"encoding/json"
	"net/http"

	"github.com/cuelight/cuelight/interact/wire"
)

//go:embed openapi.json
var openAPIDocument []byte

func (a *API) openAPI(*http.Request) (reply, error) {
	return reply{status: http.StatusOK, body: json.RawMessage(openAPIDocument)}, nil
}

type channelBody struct {
	Name    string `json:"name"`
	Title   string `json:"title"`
	Live    bool   `json:"live"`
	Latency int64  `json:"latency_ms"`
}

func (a *API) channels(r *http.Request) (reply, error) {
	claims, err := a.producer(r)
	if err != nil {
		return reply{}, err
	}
	list := []channelBody{}
	for _, c := range a.cfg.Channels() {
		if claims.May(c.Name) {
			list = append(list, channelBody{c.Name, c.Title, c.Live, c.Latency.Milliseconds()})
		}
	}
	return reply{status: http.StatusOK, body: map[string]any{"channels": list}}, nil
}

func (a *API) channel(r *http.Request) (reply, error) {
	name, err := a.admitted(r)
	if err != nil {
		return reply{}, err
	}
	health, ok := a.cfg.Health(name)
	if !ok {
		return reply{}, unknownChannel(name)
	}
	if health.Advice == nil {
		health.Advice = []string{}
	}
	body := struct {
		Name  string `json:"name"`
		Title string `json:"title"`
		wire.Health
	}{Name: name, Health: health}
	for _, c := range a.cfg.Channels() {
		if c.Name == name {
			body.Title = c.Title
		}
	}
	return reply{status: http.StatusOK, body: body}, nil
}

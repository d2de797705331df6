package gateway

import (
	"net/http"
	"net/url"
)

// TryHeader names, on a handshake that was refused for lack of room, another
// node where there may be some: "https://node2.example.com".
const TryHeader = "Cuelight-Try"

// maxTry is how long such an address may be, in bytes.
const maxTry = 256

// try returns the address of another node for viewers of a channel, "" if there
// is none. The channel is empty where it is not known yet.
func (g *Gateway) try(channel string) string {
	if g.cfg.Try == nil {
		return ""
	}
	where := g.cfg.Try(channel)
	u, err := url.Parse(where)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || len(where) > maxTry {
		return ""
	}
	return where
}

// elsewhere says in why where a viewer may go.
func (g *Gateway) elsewhere(why ending, channel string) ending {
	why.try = g.try(channel)
	return why
}

// hint does the same in the answer to a refused handshake.
func (g *Gateway) hint(w http.ResponseWriter, channel string) {
	if where := g.try(channel); where != "" {
		w.Header().Set(TryHeader, where)
	}
}

package redis

import (
	"context"
	"fmt"
)

// presence begins the names under which gateways say who is connected.
const presence = "presence:"

// Presence returns what every node has written under presence:<node> in the
// channel's slate, by node, in one round trip.
//
// Errors: *interact.Error with CodeUnavailable; ctx's.
func (c *Client) Presence(ctx context.Context, channel string) (map[string][]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := c.ask(ctx, "read presence", newCall("slate", "slate_all", false, c.slateKeys(channel), presence))
	if err != nil {
		return nil, err
	}
	if len(f)%2 != 0 {
		return nil, c.refused(ctx, "read presence", fmt.Errorf("%d fields of names and data", len(f)))
	}
	out := make(map[string][]byte, len(f)/2)
	for i := 0; i < len(f); i += 2 {
		out[f[i]] = []byte(f[i+1])
	}
	return out, nil
}

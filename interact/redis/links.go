package redis

import (
	"context"
	"fmt"

	"github.com/cuelight/cuelight/interact"
)

// Limits of one-time links.
const (
	// MaxLinks are remembered of a channel; then those used longest ago go.
	MaxLinks = 200_000
	// MaxLink is the longest id of a link, in bytes.
	MaxLink = 64
)

// linkKeys are who owns which link of a channel, and when each was first used.
func (c *Client) linkKeys(channel string) []string {
	return []string{c.key(channel, "links"), c.key(channel, "used")}
}

// UseLink makes a participant the owner of a one-time link of a channel, unless it
// has one, and returns the owner. It is as durable as Level when it returns.
//
// Errors: *interact.Error with CodeInvalid or CodeUnavailable; ctx's.
func (c *Client) UseLink(ctx context.Context, channel, link, participant string) (owner string, err error) {
	switch {
	case channel == "" || link == "" || len(link) > MaxLink:
		return "", interact.Errorf(interact.CodeInvalid, "This link is not one of ours.")
	case participant == "" || len(participant) > interact.MaxParticipant:
		return "", interact.Errorf(interact.CodeInvalid, "A participant's name is 1 to %d bytes long.", interact.MaxParticipant)
	}
	one := newCall("links", "use", true, c.linkKeys(channel), link, participant, MaxLinks, c.touching())
	if err := c.gather.run(ctx, "use a link", []*call{one}); err != nil {
		return "", err
	}
	owner, ok := one.cmd.Val().(string)
	if !ok {
		return "", c.refused(ctx, "use a link", fmt.Errorf("the owner came as %T", one.cmd.Val()))
	}
	return owner, nil
}

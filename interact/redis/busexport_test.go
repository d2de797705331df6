package redis

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/cuelight/cuelight/interact"
)

// What fuzz tests feed with what comes out of Redis.
var (
	ParseWhisper  = parseWhisper
	FormatWhisper = formatWhisper
	ParseNode     = parseNode
	ParseRecord   = parseRecord
	FieldsOf      = fieldsOf
	ParseSnapshot = parseSnapshot
)

// ParsePost reads the text of a post.
func ParsePost(text string) (interact.Post, error) {
	m, err := parsePost(text)
	return m.post, err
}

// ParseExtent reads the extent of a log.
func ParseExtent(out []string) error {
	_, err := parseExtent(out)
	return err
}

// Do sends a command of a test to the server of a key.
func (c *Client) Do(ctx context.Context, key string, args ...any) (any, error) {
	node, err := c.node(ctx, key)
	if err != nil {
		return nil, err
	}
	out, err := node.Do(ctx, args...).Result()
	if err == redis.Nil {
		return nil, nil
	}
	return out, err
}

// Key is that of something of a channel.
func (c *Client) Key(channel, name string) string { return c.key(channel, name) }

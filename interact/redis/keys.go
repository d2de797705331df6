package redis

import "strconv"

// FNV-1a 64. The shard of a participant is part of what nodes agree on: it never
// changes.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// hashOf returns the FNV-1a 64 hash of a participant's name.
func hashOf(participant string) uint64 {
	hash := uint64(fnvOffset)
	for i := range len(participant) {
		hash = (hash ^ uint64(participant[i])) * fnvPrime
	}
	return hash
}

// shardOf returns the shard of a participant.
func (c *Client) shardOf(participant string) int {
	return int(hashOf(participant) % uint64(c.cfg.Shards))
}

// key returns the key of something of a channel. All of them are in one slot.
func (c *Client) key(channel, name string) string {
	return c.cfg.Prefix + ":{" + channel + "}:" + name
}

// shardKey returns the key of something of one shard of what has a name in a
// channel. All of a shard are in one slot, shards in different ones.
func (c *Client) shardKey(channel, of string, shard int, name string) string {
	return c.cfg.Prefix + ":{" + channel + "/" + of + "/" + strconv.Itoa(shard) + "}:" + name
}

// wholeKey returns the key of something that is of no channel, in a slot of its
// own.
func (c *Client) wholeKey(name string) string { return c.cfg.Prefix + ":{" + name + "}" }

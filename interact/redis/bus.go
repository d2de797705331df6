package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// Bus tells posts and whispers over Redis: posts are kept in a stream, and said
// at once on a sharded channel, in the bytes of the stream. It is safe for
// concurrent use.
type Bus struct{ c *Client }

var _ interact.Bus = (*Bus)(nil)

// Bus returns the bus of all channels.
func (c *Client) Bus() *Bus { return &Bus{c} }

// busKeys are those of a channel's posts, without that of a call.
func (c *Client) busKeys(channel string) []string {
	return []string{c.key(channel, "bus"), c.key(channel, "posts"), c.key(channel, "snapshot"), c.key(channel, "once")}
}

// liveName is the sharded channel on which posts and whispers are said.
func (c *Client) liveName(channel string) string { return c.key(channel, "live") }

// nonce names a call, so that one that is sent twice is done once.
func nonce() string { return rand.Text()[:16] }

// Post appends posts to those of the channel, all or none, by one function call
// which also says them. Of one that failed with CodeUnavailable it is not known
// whether it was done: what must not come twice has a Once, or says its revision.
//
// Errors: interact.ErrFenced; *interact.Error with CodeUnavailable or
// CodeInvalid; ctx's.
func (b *Bus) Post(ctx context.Context, channel string, fence interact.Fence, posts []interact.Post, snapshot []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := interact.ValidatePosts(channel, fence, posts, snapshot); err != nil {
		return err
	}
	name, has := nonce(), "0"
	if snapshot != nil {
		has = "1"
	}
	args := []any{b.c.liveName(channel), uint64(fence), name, has, snapshot}
	for _, p := range posts {
		args = append(args, strconv.Itoa(int(p.Reach)), onceField(p.Once), p.Data)
	}
	keys := append(b.c.busKeys(channel), b.c.key(channel, "call:"+name))
	_, err := b.c.ask(ctx, "post", newCall("bus", "bus_post", true, keys, args...))
	return err
}

// Snapshot returns the latest one.
//
// Errors: *interact.Error with CodeUnavailable; ctx's.
func (b *Bus) Snapshot(ctx context.Context, channel string) (interact.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return interact.Snapshot{}, err
	}
	keys := []string{b.c.key(channel, "bus"), b.c.key(channel, "snapshot")}
	said, err := b.c.call(ctx, "read snapshot", newCall("bus", "bus_snapshot", false, keys, nonce()))
	if err != nil {
		return interact.Snapshot{}, err
	}
	s, err := parseSnapshot(said)
	return s, b.c.refused(ctx, "read snapshot", err)
}

func parseSnapshot(said any) (interact.Snapshot, error) {
	f, err := texts(said)
	if err != nil || len(f) < 4 {
		return interact.Snapshot{}, errors.Join(fmt.Errorf("a snapshot of %d fields", len(f)), err)
	}
	p, err := parsePlace(f[0], f[1], f[2])
	return interact.Snapshot{Place: p, Data: []byte(f[3])}, err
}

func parsePlace(epoch, n, offset string) (interact.Place, error) {
	p := interact.Place{Epoch: epoch}
	var err1, err2 error
	p.N, err1 = strconv.ParseUint(n, 10, 64)
	p.Offset, err2 = strconv.ParseUint(offset, 10, 64)
	return p, errors.Join(err1, err2)
}

// pageOfPosts is how many posts are read at a time.
const pageOfPosts = 64

// Recent returns the kept posts after a place, oldest first. Of posts that are
// damaged, only those after the last such one come.
//
// Errors: *interact.Error with CodeUnavailable; ctx's.
func (b *Bus) Recent(ctx context.Context, channel string, after uint64) ([]interact.Post, error) {
	var out []interact.Post
	epoch := ""
	for {
		page, err := b.page(ctx, channel, after)
		if err != nil {
			return nil, err
		}
		for _, text := range page {
			m, err := parsePost(text)
			if err != nil {
				b.c.complain("read posts", err)
				out = nil
				continue
			}
			if m.epoch != epoch { // another numbering began meanwhile
				out, epoch = nil, m.epoch
			}
			out, after = append(out, m.post), m.post.N
		}
		if len(page) < pageOfPosts {
			return out, nil
		}
	}
}

// page reads the texts of some posts after one.
func (b *Bus) page(ctx context.Context, channel string, after uint64) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if after >= maxNumber {
		return nil, nil
	}
	key := b.c.key(channel, "posts")
	said, err := b.c.call(ctx, "read posts", &call{
		key: key, args: []any{"xrange", key, fmt.Sprint(after+1, "-0"), "+", "count", pageOfPosts},
	})
	if err != nil {
		return nil, err
	}
	entries, _ := said.([]any)
	out := make([]string, 0, len(entries))
	for _, e := range entries {
		_, fields, err := parseEntry(e)
		if err != nil {
			return nil, b.c.refused(ctx, "read posts", err)
		}
		out = append(out, fields["m"])
	}
	return out, nil
}

// Whisper tells whoever follows now.
//
// Errors: *interact.Error with CodeUnavailable or CodeInvalid; ctx's.
func (b *Bus) Whisper(ctx context.Context, channel string, whisper interact.Whisper) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := whisper.Validate(channel); err != nil {
		return err
	}
	live := b.c.liveName(channel)
	_, err := b.c.call(ctx, "whisper", &call{key: live, args: []any{"spublish", live, formatWhisper(whisper)}})
	return err
}

// Expire lets the channel's posts, their snapshot and numbering be deleted after
// a while, zero now. A post that comes before then keeps them. Who follows then
// gets interact.ErrLost, and another epoch begins.
//
// Errors: *interact.Error with CodeUnavailable; ctx's.
func (b *Bus) Expire(ctx context.Context, channel string, after time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := b.c.ask(ctx, "expire posts", newCall("bus", "bus_expire", true, b.c.busKeys(channel), b.c.liveName(channel), ttlMS(after)))
	return err
}

// ttlMS is a time to live for Redis, rounded up.
func ttlMS(d time.Duration) int64 {
	return int64((max(d, 0) + time.Millisecond - 1) / time.Millisecond)
}

package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cuelight/cuelight/interact"
)

// call is a function call, or a command that only reads, on keys of one slot.
type call struct {
	// key says which server it is for.
	key string
	// args are the whole command.
	args []any
	// lasting says that its result may be told only when it is as durable as the
	// level says: of the function's writes, and of what it has read. A function
	// that has read something lasting writes, or a later release of Redis would
	// not wait.
	lasting bool
	// together says that what goes to one server may be run in one go.
	together bool

	cmd *redis.Cmd
	err error
	ask string // the server to ask this once, while its slot moves there
}

// newCall returns a call of a function of a library.
func newCall(lib, what string, lasting bool, keys []string, args ...any) *call {
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, "fcall", function(lib, what), len(keys))
	for _, k := range keys {
		all = append(all, k)
	}
	return &call{key: keys[0], args: append(all, args...), lasting: lasting}
}

// call runs one function call and returns what it says.
//
// Errors: *interact.Error with CodeUnavailable, or that of the function; ctx's.
func (c *Client) call(ctx context.Context, doing string, one *call) (any, error) {
	c.exec(ctx, []*call{one})
	if err := c.refused(ctx, doing, one.err); err != nil {
		return nil, err
	}
	return one.cmd.Val(), nil
}

// again is how often what did not happen, or may be done twice, is sent again,
// and after what wait.
var again = [...]time.Duration{10 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond}

// exec runs calls: those for one server on one connection in their order, servers
// at the same time. Every function may be run twice. The error of each call is
// in it: that of Redis or of the network.
func (c *Client) exec(ctx context.Context, calls []*call) {
	c.stats.calls.Add(int64(len(calls)))
	for attempt := 0; ; attempt++ {
		c.spread(ctx, calls)
		calls = c.unfinished(calls)
		if len(calls) == 0 {
			return
		}
		if attempt == len(again) || !pause(ctx, again[attempt]) {
			c.giveUp(ctx, calls)
			return
		}
		c.stats.again.Add(int64(len(calls)))
		c.mend(ctx, calls)
	}
}

// pause waits, and says whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// unfinished returns the calls to send again. One that has waited for its time
// out is not.
func (c *Client) unfinished(calls []*call) []*call {
	var out []*call
	for _, one := range calls {
		if one.err == nil || errors.Is(one.err, errDown) || isTimeout(one.err) {
			continue
		}
		one.ask = askOf(one.err)
		if isAborted(one.err) {
			one.together = false // so that each is told why
			out = append(out, one)
		} else if isMissing(one.err) || isMoving(one.err) || isBroken(one.err) {
			out = append(out, one)
		}
	}
	return out
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout() || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, redis.ErrPoolTimeout)
}

// mend does what may help calls that have to be sent again.
func (c *Client) mend(ctx context.Context, calls []*call) {
	if c.cluster != nil {
		c.cluster.ReloadState(ctx)
	}
	mended := make(map[*redis.Client]bool)
	for _, one := range calls {
		if !isMissing(one.err) {
			continue
		}
		node, err := c.node(ctx, one.key)
		if mended[node] {
			continue
		}
		if err == nil {
			mended[node] = true
			c.stats.loads.Add(1)
			err = load(ctx, node)
		}
		if err != nil {
			c.complain("load functions", err)
		}
	}
	if len(mended) > 0 { // a server that has lost them may have lost all it had
		c.retellShards(ctx)
	}
}

// giveUp stops asking servers that were not reached.
func (c *Client) giveUp(ctx context.Context, calls []*call) {
	for _, one := range calls {
		if !isBroken(one.err) || isTimeout(one.err) || over(ctx) != nil {
			continue
		}
		if node, err := c.node(ctx, one.key); err == nil {
			c.shut(node)
		}
	}
}

// spread sends every call to its server.
func (c *Client) spread(ctx context.Context, calls []*call) {
	if c.cluster == nil {
		c.send(ctx, c.single, calls)
		return
	}
	groups := make(map[*redis.Client][]*call)
	for _, one := range calls {
		node, err := c.owner(ctx, one)
		if one.err = err; err == nil {
			groups[node] = append(groups[node], one)
		}
	}
	var wg sync.WaitGroup
	for node, group := range groups {
		wg.Go(func() { c.send(ctx, node, group) })
	}
	wg.Wait()
}

// owner returns the server of the cluster that a call is for.
func (c *Client) owner(ctx context.Context, one *call) (*redis.Client, error) {
	if one.ask == "" {
		return c.cluster.MasterForKey(ctx, one.key)
	}
	var found atomic.Pointer[redis.Client]
	err := c.cluster.ForEachMaster(ctx, func(_ context.Context, node *redis.Client) error {
		if node.Options().Addr == one.ask {
			found.Store(node)
		}
		return nil
	})
	if node := found.Load(); node != nil {
		return node, nil
	}
	one.ask = ""
	return nil, fmt.Errorf("find the server that a slot moves to: %w", errors.Join(errDown, err))
}

// send sends calls to a server on one connection, and what waits for the replicas
// of it on the same one: that is the only way it waits for just that.
func (c *Client) send(ctx context.Context, node *redis.Client, calls []*call) {
	d := c.door(node)
	if err := d.enter(ctx, c.cfg.Timeout); err != nil {
		for _, one := range calls {
			one.err = err
		}
		return
	}
	defer d.leave()
	pipe, lasting := c.pipeline(node, calls), false
	for _, one := range calls {
		if one.ask != "" {
			_ = pipe.Process(ctx, redis.NewStatusCmd(ctx, "asking"))
		}
		one.cmd = redis.NewCmd(ctx, one.args...)
		_ = pipe.Process(ctx, one.cmd) // the pipeline only keeps it
		lasting = lasting || one.lasting
	}
	var copies *redis.IntCmd
	if lasting && c.cfg.Level == interact.LevelReplicated {
		copies = redis.NewIntCmd(ctx, "wait", c.cfg.Replicas, d.patience(c.cfg.ReplicaTimeout).Milliseconds())
		_ = pipe.Process(ctx, copies)
	}
	_, _ = pipe.Exec(ctx) // its error is that of a call
	c.stats.trips.Add(1)
	for _, one := range calls {
		one.err = one.cmd.Err()
		if isTimeout(one.err) && !errors.Is(one.err, redis.ErrPoolTimeout) && over(ctx) == nil {
			c.shut(node)
		}
	}
	c.copied(d, copies, calls)
}

// pipeline returns where to put calls for one server. One that syncs its disk
// before it answers does so once for what it runs in one go, which is as much as it
// has read unless it is told to. A cluster cannot be told, not for several slots.
func (c *Client) pipeline(node *redis.Client, calls []*call) redis.Pipeliner {
	together := c.cfg.Level == interact.LevelLog && c.cluster == nil && len(calls) > 1
	for _, one := range calls {
		together = together && one.together
	}
	if together {
		return node.TxPipeline()
	}
	return node.Pipeline()
}

// copied takes the word of a server that replicas have what was written.
func (c *Client) copied(d *door, copies *redis.IntCmd, calls []*call) {
	if copies == nil {
		return
	}
	err := copies.Err()
	if err == nil && copies.Val() < int64(c.cfg.Replicas) {
		err = errReplicas
		c.stats.fewReplicas.Add(1)
	}
	d.lagging.Store(errors.Is(err, errReplicas))
	for _, one := range calls {
		if one.lasting && one.err == nil {
			one.err = err
		}
	}
}

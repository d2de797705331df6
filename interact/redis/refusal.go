package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cuelight/cuelight/interact"
)

// Why something cannot be done now.
var (
	// errDown means that the server has not answered lately and is not asked now.
	errDown = errors.New("redis does not answer")
	// errBusy means that more is asked than may wait.
	errBusy = errors.New("too much is asked at once")
	// errReplicas means that fewer replicas than are needed have what was written.
	errReplicas = errors.New("too few replicas have it: start them, or choose another level")
)

// unavailable is what viewers and producers are told.
var unavailable = interact.Errorf(interact.CodeUnavailable, "This cannot be saved or looked up right now. Try again.")

// refused turns what Redis or the network said into an error of this package's
// contracts, counts it, and tells the log what to do. nil stays nil.
func (c *Client) refused(ctx context.Context, doing string, err error) error {
	if err == nil || errors.Is(err, redis.Nil) {
		return nil
	}
	if err := over(ctx); err != nil {
		return err
	}
	if e, ok := errors.AsType[*interact.Error](err); ok {
		return e
	}
	c.complain(doing, err)
	return unavailable
}

// over returns why ctx has ended. A read that ends with a deadline ends a moment
// before the context knows.
func over(ctx context.Context) error {
	if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// remedies are what to do about what Redis says. The first that fits is used.
var remedies = []struct{ begins, remedy string }{
	{"WRONGPASS", "the server refuses user and password: check redis.username and redis.password"},
	{"NOAUTH", "the server wants a password: set redis.password"},
	{"ERR AUTH", "the server refuses the password: check redis.username and redis.password"},
	{"NOPERM", "the user lacks a right: grant it what docs/redis.md lists under rights"},
	{"OOM", "the server's memory is full: raise maxmemory, or delete finished shows"},
	{"READONLY", "the server is a replica: give the address of the primary, or use Sentinels or a cluster"},
	{"NOREPLICAS", "the server has too few replicas (min-replicas-to-write): start them"},
	{"MISCONF", "the server cannot write its disk: look at its log and free space"},
	{"MASTERDOWN", "the server is a replica without its primary: look at the primary"},
	{"CLUSTERDOWN", "a part of the cluster is gone: look at the servers that serve its slots"},
	{"LOADING", "the server reads its data after a start: wait"},
	{"ERR unknown command 'FUNCTION'", "the server is older than Redis 7.0, or FUNCTION is renamed: version 7.0 or later is needed"},
	{"ERR unknown command `FUNCTION`", "the server is older than Redis 7.0, or FUNCTION is renamed: version 7.0 or later is needed"},
	{"ERR This instance has cluster support disabled", "the server is not part of a cluster: turn off redis.cluster"},
	{"MOVED", "the server is part of a cluster: turn on redis.cluster"},
	{"ERR max number of clients", "the server has too many connections: raise maxclients"},
}

// explain adds to an error of Redis what to do about it.
func explain(err error) error {
	if err == nil {
		return nil
	}
	said := err.Error()
	for _, r := range remedies {
		if len(said) >= len(r.begins) && strings.EqualFold(said[:len(r.begins)], r.begins) {
			return fmt.Errorf("%s (%w)", r.remedy, err)
		}
	}
	return err
}

// isBroken says that a server was not reached, or that its answer did not come:
// whether what was sent has happened is not known.
func isBroken(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, redis.ErrPoolTimeout) ||
		errors.Is(err, redis.ErrPoolExhausted)
}

// isMoving says that another server is to be asked, or this one in a moment.
func isMoving(err error) bool {
	if err == nil {
		return false
	}
	said := err.Error()
	for _, begins := range [...]string{"MOVED ", "ASK ", "TRYAGAIN", "CLUSTERDOWN", "READONLY", "LOADING", "MASTERDOWN"} {
		if strings.HasPrefix(said, begins) {
			return true
		}
	}
	return strings.Contains(said, "-READONLY")
}

// isAborted says that nothing was run of what was to be run in one go.
func isAborted(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "EXECABORT") }

// askOf returns which server is to be asked this once, empty for none.
func askOf(err error) string {
	if err == nil || !strings.HasPrefix(err.Error(), "ASK ") {
		return ""
	}
	said := err.Error()
	return said[strings.LastIndexByte(said, ' ')+1:]
}

package redis_test

import (
	"fmt"
	"testing"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/interacttest"
	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/internal/redisproc"
)

func TestBallots(t *testing.T) {
	s := serve(t, redisproc.Options{})
	n := 0
	interacttest.TestBallots(t, func(t *testing.T) interact.Ballots {
		n++
		return open(t, redisstore.Config{
			Addresses: []string{s.Addr}, Prefix: fmt.Sprint("p", n), Level: interact.LevelMemory,
		}).Ballots()
	})
}

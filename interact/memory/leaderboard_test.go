package memory_test

import (
	"testing"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/memory"
)

func TestLeaderboard(t *testing.T) {
	interacttest.TestLeaderboard(t, func(*testing.T) interact.Leaderboard { return new(memory.Leaderboard) })
}

package memory_test

import (
	"testing"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/memory"
)

func TestBallots(t *testing.T) {
	interacttest.TestBallots(t, func(*testing.T) interact.Ballots { return new(memory.Ballots) })
}

package memory_test

import (
	"testing"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/memory"
)

func TestStore(t *testing.T) {
	interacttest.TestStore(t, func(*testing.T) interact.Store { return new(memory.Store) })
}

func TestLevel(t *testing.T) {
	if got := new(memory.Store).Level(); got != interact.LevelMemory {
		t.Errorf("ST10 level = %q", got)
	}
}

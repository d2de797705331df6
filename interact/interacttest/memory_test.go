package interacttest_test

import (
	"testing"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/interacttest"
)

var _ interact.Store = (*interacttest.Memory)(nil)

func TestMemory(t *testing.T) {
	interacttest.TestStore(t, func(*testing.T) interact.Store { return new(interacttest.Memory) })
}

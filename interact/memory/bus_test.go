package memory_test

import (
	"testing"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/memory"
)

func TestBus(t *testing.T) {
	interacttest.TestBus(t, func(*testing.T) interact.Bus { return new(memory.Bus) })
}

func TestSlate(t *testing.T) {
	interacttest.TestSlate(t, func(*testing.T) interact.Slate { return new(memory.Slate) })
}

func TestBusForgets(t *testing.T) {
	interacttest.TestBusExpires(t, func(*testing.T) interacttest.ExpiringBus { return new(memory.Bus) })
}

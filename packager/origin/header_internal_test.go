package origin

import (
	"testing"
	"time"
)

func TestHalfOfTheTarget(t *testing.T) {
	for target, want := range map[time.Duration]time.Duration{
		time.Second: time.Second, 2 * time.Second: time.Second, 3 * time.Second: time.Second, 4 * time.Second: 2 * time.Second, 10 * time.Second: 5 * time.Second,
	} {
		if got := half(target); got != want {
			t.Errorf("N3 half of %v is %v, want %v", target, got, want)
		}
	}
}

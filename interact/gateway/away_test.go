package gateway_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
)

// turn is one step of a random show.
type turn struct{ Op, Who, N int }

const (
	opChange = iota
	opBurst
	opCut
	opJoin
	opPause
	opHurry
	opSettle
	opSleep
	opRestart
	ops
)

const guests = 5

// act plays the turns and returns what any viewer was told wrongly.
func act(t *testing.T, keys *token.Keys, turns []turn) (wrong []string, spent gateway.Stats) {
	synctest.Test(t, func(t *testing.T) {
		v := openVenue(t, keys, gateway.Limits{Outbox: 6})
		all := make([]*guest, guests)
		for i := range all {
			all[i] = v.guest([]wire.Codec{wire.JSON, wire.Msgpack}[i%2])
			all[i].join()
		}
		for _, turn := range turns {
			v.play(turn, all[1+turn.Who%(guests-1)]) // the first one never leaves
		}
		for range 3 { // who was found too slow, or was restarted, comes back
			for _, c := range all {
				c.hurry()
				c.join()
			}
			time.Sleep(15 * time.Second)
			synctest.Wait()
		}
		for i, c := range all {
			for _, what := range c.judge(v.stage.now()) {
				wrong = append(wrong, fmt.Sprintf("guest %d: %s", i, what))
			}
		}
		v.halt()
		for _, c := range all {
			<-c.over
		}
		spent = v.spent
	})
	return wrong, spent
}

func (v *venue) play(t turn, c *guest) {
	switch t.Op {
	case opChange:
		v.stage.change(t.N)
	case opBurst:
		for i := range 8 * t.N {
			v.stage.change(i)
			if i%7 == 0 {
				synctest.Wait() // otherwise most would be one message
			}
		}
	case opCut:
		c.cut()
	case opJoin:
		c.join()
	case opPause:
		c.pause()
	case opHurry:
		c.hurry()
	case opSettle:
		synctest.Wait()
	case opSleep:
		time.Sleep(time.Duration(t.N*t.N) * 500 * time.Millisecond)
	case opRestart:
		v.halt()
		v.start()
	}
}

// TestResumedIsAsIfNeverAway: whatever is broadcast while viewers are cut off,
// slow, or back, and the gateway restarted, in the end each knows what one that
// never left knows, was told nothing twice, and offsets ascend.
func TestResumedIsAsIfNeverAway(t *testing.T) {
	keys, err := token.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var resumed, reset uint64
	rapid.Check(t, func(rt *rapid.T) {
		turns := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) turn {
			return turn{
				Op:  rapid.SampledFrom([]int{0, 0, 0, 0, 0, 1, 2, 2, 3, 3, 3, 4, 5, 6, 6, 7, 8}).Draw(rt, "op"),
				Who: rapid.IntRange(0, guests-2).Draw(rt, "who"), N: rapid.IntRange(0, 30).Draw(rt, "n"),
			}
		}), 1, 60).Draw(rt, "turns")
		wrong, spent := act(t, keys, append([]turn{
			{Op: opCut}, {Op: opChange}, {Op: opSettle}, {Op: opJoin}, {Op: opSettle}, {Op: opRestart}, {Op: opJoin},
		}, turns...))
		resumed, reset = resumed+spent.Resumed, reset+spent.Reset
		if spent.Panics > 0 {
			wrong = append(wrong, "a connection panicked")
		}
		for _, what := range wrong {
			rt.Errorf("GW29 %s", what)
		}
	})
	if resumed == 0 || reset == 0 {
		t.Errorf("GW29 %d resumed and %d reset: nothing was tried", resumed, reset)
	}
}

package timeline_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/timeline"
)

// ExampleRestore hands a channel from one server to another: the first saves it
// every second, the second goes on when an encoder connects there, whose
// timestamps begin again.
func ExampleRestore() {
	const start = clock.Instant(1_795_410_000_000_000)
	one := timeline.New(start, timeline.Config{})
	feed := func(c *timeline.Channel, from clock.Instant, frames int) {
		for i := range frames {
			s := timeline.Sample{DTS: clock.Ticks(i * 3000), Arrival: from.Add(time.Duration(i) * time.Second / 30)}
			if i == 0 {
				c.Begin(s, true)
			} else {
				c.Observe(s)
			}
		}
	}
	feed(one, start.Add(time.Second), 30*60)
	kept, err := json.Marshal(one.Save(start.Add(61 * time.Second)))
	if err != nil {
		fmt.Println(err)
		return
	}

	var saved timeline.Saved
	if err := json.Unmarshal(kept, &saved); err != nil {
		fmt.Println(err)
		return
	}
	back := start.Add(66 * time.Second)
	two, err := timeline.Restore(back, saved, timeline.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	feed(two, back, 30*10)
	m := two.Map()
	fmt.Println("media time goes on:", m.From > one.Media(60*90_000))
	fmt.Println("epochs:", one.Map().Epoch, "and", m.Epoch)
	fmt.Println("first media", m.At(m.From).Sub(start), "after the start")
	// Output:
	// media time goes on: true
	// epochs: 1 and 3
	// first media 1m6s after the start
}

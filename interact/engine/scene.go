package engine

import "context"

// Scene returns what is true of the channel now. It is not older than what the
// room has broadcast.
//
// Errors: as Join.
func (r *Room) Scene(ctx context.Context) (s Scene, err error) {
	err = r.ask(ctx, func() {
		f := r.front.Load()
		s.Viewers = View{Cues: f.cues, Tallies: f.tallies}
		s.Producers.Cues, s.Producers.Tallies = r.rundown()
		s.Timeline = r.currentTimeline(r.now())
	})
	return s, err
}

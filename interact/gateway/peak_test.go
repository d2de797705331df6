package gateway_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/wire"
)

// slowLog is a log on a disk that takes a while for each write.
type slowLog struct {
	interact.Store
	each time.Duration
}

func (s slowLog) Append(ctx context.Context, records []interact.Record) error {
	time.Sleep(s.each)
	return s.Store.Append(ctx, records)
}

// TestPeakAboveCapacity: more answers at once than the room has place for, each
// sent several times by viewers who do not wait. What there is no place for is
// refused as busy and nothing else is, nobody is closed, and within a second of
// the peak those who were refused have their receipts. Each is counted once.
func TestPeakAboveCapacity(t *testing.T) {
	const (
		viewers = 200
		times   = 3
		places  = 3000 // more than half of all: those refused have place when they come again
		answers = viewers * slots * times
	)
	synctest.Test(t, func(t *testing.T) {
		h := openNarrowHouse(t, wire.JSON, viewers, slowLog{new(interacttest.Memory), 300 * time.Millisecond}, places)
		defer h.close()
		c := &crush{house: h, again: make(map[*seated]*[]byte, viewers)}
		for _, v := range h.viewers {
			c.again[v] = new([]byte)
		}
		h.refused = c.note
		cues := h.take(t)
		h.load(t, cues, viewers*slots)
		for range times {
			for k := range slots {
				for _, v := range h.viewers {
					c.send(t, v, k)
				}
			}
		}
		synctest.Wait()
		for h.received.Load()+c.busy.Load() < answers {
			time.Sleep(10 * time.Millisecond)
		}
		refused := c.busy.Load()
		if l := h.gateway.Load(); refused == 0 || l.BusyAnswers != uint64(refused) {
			t.Errorf("GW19 %d refused as busy, load %+v", refused, l)
		}
		peak := time.Now()
		c.over.Store(true)
		for _, v := range h.viewers {
			for _, k := range *c.again[v] {
				c.send(t, v, int(k))
			}
		}
		h.await(t, answers)
		if took := time.Since(peak); took > time.Second {
			t.Errorf("GW19 recovered after %v", took)
		}
		for _, v := range h.viewers {
			if v.receipts != slots*times {
				t.Fatalf("GW19 a viewer has %d receipts for %d answers", v.receipts, slots*times)
			}
		}
		for _, cue := range cues {
			if tally, err := h.room.Tally(t.Context(), cue.ID); err != nil || tally.Total != viewers {
				t.Errorf("GW19 counted %d of %d (%v)", tally.Total, viewers, err)
			}
		}
		if s := h.gateway.Stats(); s.Viewers != viewers {
			t.Errorf("GW19 %d of %d viewers are left", s.Viewers, viewers)
		}
	})
}

// narrow is the engine's room with place for few answers, so that few are too
// many.
type narrow struct {
	*engine.Room
	places int64
	inside atomic.Int64
}

func (n *narrow) AnswerTo(a interact.Answer, to interact.Settler) {
	if n.inside.Add(1) > n.places {
		n.inside.Add(-1)
		to.Settle(interact.Receipt{ID: a.ID, Cue: a.Cue}, interact.Errorf(interact.CodeBusy, "Many answers are coming in at once."))
		return
	}
	n.Room.AnswerTo(a, &place{n, to})
}

// place is one answer inside.
type place struct {
	n  *narrow
	to interact.Settler
}

func (p *place) Settle(r interact.Receipt, err error) {
	p.n.inside.Add(-1)
	p.to.Settle(r, err)
}

// crush notes which answers have to be sent again.
type crush struct {
	*house
	busy  atomic.Int64
	over  atomic.Bool         // the peak: nobody may be refused any more
	again map[*seated]*[]byte // numbers of cues; belong to whoever writes to the viewer
}

func (c *crush) send(t *testing.T, v *seated, k int) {
	t.Helper()
	if _, err := v.conn.Write(v.frames[k]); err != nil {
		t.Fatal(err)
	}
}

func (c *crush) note(v *seated, message []byte) {
	m, _, err := wire.JSON.DecodeServer(message)
	refused, ok := m.(*wire.Refused)
	if err != nil || !ok || refused.Code != string(interact.CodeBusy) || c.over.Load() {
		text := string(message)
		c.odd.CompareAndSwap(nil, &text)
		c.wake()
		return
	}
	c.busy.Add(1)
	list := c.again[v]
	*list = append(*list, refused.ID[len(refused.ID)-1]-'0')
}

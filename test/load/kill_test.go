package load_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/audience"
)

const (
	viewers = 1000
	options = 4
	burst   = 3 * time.Second // all of them answer within it
	patient = 60 * time.Second
)

// book is what the viewers were promised.
type book struct {
	mu       sync.Mutex // protects receipts
	receipts map[string]wire.Receipt
	third    chan struct{} // closed when a third of the viewers have a receipt
	all      chan struct{} // closed when all have
}

func newBook() *book {
	return &book{receipts: make(map[string]wire.Receipt), third: make(chan struct{}), all: make(chan struct{})}
}

func (b *book) enter(participant string, r wire.Receipt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.receipts[participant] = r
	switch len(b.receipts) {
	case viewers / 3:
		close(b.third)
	case viewers:
		close(b.all)
	}
}

// TestKillInTheMiddleOfABurst kills the server while 1,000 viewers answer.
// They come back by themselves, the window goes on, and every receipt that
// anybody was ever given is counted exactly once.
func TestKillInTheMiddleOfABurst(t *testing.T) {
	s := newServer(t)
	promised := newBook()
	ctx, cancel := context.WithCancel(t.Context())
	crowd := &audience.Crowd{
		URL: "ws://" + s.http + "/ws/v1", Channel: channel, Size: viewers, Ramp: 1000, Seed: 1,
		BackoffMin: 100 * time.Millisecond, BackoffMax: time.Second,
		Behaviour: func(r *rand.Rand, _ wire.Cue) (audience.Reaction, bool) {
			return audience.Reaction{
				After:  200*time.Millisecond + time.Duration(r.Int64N(int64(burst))),
				Choice: []int{r.IntN(options)},
			}, true
		},
		OnReceipt: promised.enter,
		Log:       slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	left := make(chan error, 1)
	go func() { left <- crowd.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-left; err != nil {
			t.Errorf("audience: %v", err)
		}
	}()
	await(t, "everybody to come", func() bool { return crowd.Stats().Connected == viewers })

	defer func() {
		if t.Failed() {
			t.Logf("the audience: %+v", crowd.Stats())
		}
	}()
	cue := s.onAir("", onAir)

	wait(t, "a third of the receipts", promised.third)
	s.kill()
	killed := time.Now()
	s.start()
	t.Logf("answering again %v after the kill", time.Since(killed).Round(time.Millisecond))
	wait(t, "all receipts", promised.all)
	t.Logf("all %d receipts %v after the kill", viewers, time.Since(killed).Round(time.Millisecond))

	s.call(http.MethodPost, "/"+cue.ID+"/close", nil, &cue)
	promised.check(t, s.final(cue.ID))
	stats := crowd.Stats()
	t.Logf("%d answers, %d of them sent again; refused %v; %d came back", stats.Answers, stats.Retries, stats.Refused, stats.Connects-viewers)
}

// check compares what was promised with what was counted.
func (b *book) check(t *testing.T, tally wire.Tally) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	counts := make([]uint64, options)
	seqs := make(map[uint64]string)
	for participant, r := range b.receipts {
		counts[r.Choice[0]]++
		if other, taken := seqs[r.Seq]; taken {
			t.Errorf("receipt %d was given to %s and to %s", r.Seq, other, participant)
		}
		seqs[r.Seq] = participant
		if r.Level != "log" {
			t.Errorf("receipt of %s promises %q", participant, r.Level)
		}
	}
	if tally.Total != uint64(len(b.receipts)) {
		t.Errorf("%d receipts, %d counted", len(b.receipts), tally.Total)
	}
	for i, want := range counts {
		if tally.Counts[i] != want {
			t.Errorf("option %d: %d receipts, %d counted", i, want, tally.Counts[i])
		}
	}
}

func wait(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patient):
		t.Fatalf("waited %v for %s", patient, what)
	}
}

// await asks again and again until ok says yes.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patient)
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("waited %v for %s", patient, what)
		case <-poll.C:
		}
	}
}

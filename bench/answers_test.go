package main

import (
	"fmt"
	"testing"

	"github.com/cuelight/cuelight/interact/wire"
)

func receiptsOf(viewers int) []wire.Receipt {
	out := make([]wire.Receipt, viewers)
	for i := range out {
		out[i] = wire.Receipt{ID: fmt.Sprintf("a%06d", i), Cue: "c1", Choice: []int{i % 3}, Seq: uint64(i + 1)}
	}
	return out
}

func TestReconcile(t *testing.T) {
	good := wire.Tally{Cue: "c1", Counts: []uint64{3, 2, 2}, Total: 7, Final: true}
	for _, tc := range []struct {
		name   string
		spoil  func(r []wire.Receipt, t *wire.Tally)
		agrees bool
	}{
		{"agreement", func([]wire.Receipt, *wire.Tally) {}, true},
		{"an answer counted twice", func(_ []wire.Receipt, t *wire.Tally) { t.Counts[0]++; t.Total++ }, false},
		{"an answer lost", func(_ []wire.Receipt, t *wire.Tally) { t.Counts[2]--; t.Total-- }, false},
		{"an answer counted for another option", func(_ []wire.Receipt, t *wire.Tally) { t.Counts[0]--; t.Counts[1]++ }, false},
		{"a total of its own", func(_ []wire.Receipt, t *wire.Tally) { t.Total = 8 }, false},
		{"two receipts with one number", func(r []wire.Receipt, _ *wire.Tally) { r[4].Seq = r[3].Seq }, false},
		{"somebody else's receipt", func(r []wire.Receipt, _ *wire.Tally) { r[4].ID = r[3].ID }, false},
		{"another choice", func(r []wire.Receipt, _ *wire.Tally) { r[4].Choice = []int{2} }, false},
		{"another cue's receipt", func(r []wire.Receipt, _ *wire.Tally) { r[4].Cue = "c0" }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			receipts, tally := receiptsOf(7), good
			tally.Counts = append([]uint64(nil), good.Counts...)
			tc.spoil(receipts, &tally)
			if err := reconcile("c1", receipts, tally); (err == nil) != tc.agrees {
				t.Errorf("reconcile = %v", err)
			}
		})
	}
}

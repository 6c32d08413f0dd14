package channel

import (
	"math"
	"testing"
	"time"

	"github.com/lodefw/lode/sv2/mining"
)

func TestBatch(t *testing.T) {
	b := Batch{ChannelID: 5, Count: 3, Wait: 10 * time.Second}
	var m mining.SubmitSharesSuccess
	if b.Take(&m) || b.Due(start.Add(time.Hour)) {
		t.Error("an empty batch has an answer")
	}
	if b.Add(7, 10, start) || b.Add(9, 20, start.Add(9*time.Second)) {
		t.Error("full before its time")
	}
	if b.Due(start.Add(9*time.Second)) || !b.Due(start.Add(10*time.Second)) || !b.Due(start.Add(-time.Second)) {
		t.Error("the first share's wait does not count")
	}
	if at, ok := b.Deadline(); !ok || !at.Equal(start.Add(10*time.Second)) {
		t.Errorf("deadline %v, %v", at, ok)
	}
	if !b.Add(10, 30, start) || !b.Take(&m) {
		t.Error("not full with three")
	}
	if want := (mining.SubmitSharesSuccess{ChannelID: 5, LastSequenceNumber: 10, NewSubmitsAcceptedCount: 3, NewSharesSum: 60}); m != want {
		t.Errorf("answer %+v, want %+v", m, want)
	}
	if _, ok := b.Deadline(); ok || b.Take(&m) {
		t.Error("the batch did not begin again")
	}
	b.Add(1, math.MaxUint64, start)
	b.Add(2, 5, start)
	if b.Take(&m); m.NewSharesSum != math.MaxUint64 || m.NewSubmitsAcceptedCount != 2 {
		t.Errorf("after an overflow %+v", m)
	}
	single := Batch{}
	if !single.Add(0, 1, start) {
		t.Error("the zero value waits for more than one share")
	}
}

package hashing

import "testing"

func TestRecent(t *testing.T) {
	var r Recent
	for i := range uint32(33) {
		if !r.Add(0, i) {
			t.Errorf("nonce %d is there already", i)
		}
	}
	if r.Add(0, 32) || r.Add(0, 1) {
		t.Error("one of the last 32 is not known")
	}
	if !r.Add(0, 0) || !r.Add(1, 32) {
		t.Error("what is 33 back, or of another work, is known")
	}
}

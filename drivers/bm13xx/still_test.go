package bm13xx

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/tinytest/chipsim"
)

// still is a port of a computer that stands still now and then, for longer than chips
// are waited for. As with a file, a read whose deadline has passed gives nothing.
type still struct {
	Port
	limit time.Time
	reads int
	at    int // the first read before which it stands still
}

func (s *still) SetReadDeadline(t time.Time) error {
	s.limit = t
	return s.Port.SetReadDeadline(t)
}

func (s *still) Read(b []byte) (int, error) {
	if s.reads++; s.reads >= s.at && (s.reads-s.at)%4 == 0 {
		time.Sleep(2 * answerWait)
	}
	if !s.limit.IsZero() && time.Now().After(s.limit) {
		return 0, os.ErrDeadlineExceeded
	}
	return s.Port.Read(b)
}

// Chips that answer while the computer stands still are not missed.
func TestStandsStill(t *testing.T) {
	for at := range 4 {
		synctest.Test(t, func(t *testing.T) {
			sim, err := chipsim.New(chipsim.Config{Model: "BM1370", Chips: 4, Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			port := &still{Port: sim.Port(), at: at + 1}
			if _, err := New(t.Context(), port, BM1370, Options{Chips: 4, Reset: sim.Reset, WiredZeros: sim.Zeros()}); err != nil {
				t.Errorf("it stands still before read %d: %v", at+1, err)
			}
		})
	}
}

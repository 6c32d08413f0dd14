package tinytest

import (
	"strings"
	"testing"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/virtual"
	"github.com/lodefw/lode/device"
)

// boardRig is a pool and a device with a virtual board.
func boardRig(t *testing.T, name string) (*Rig, *virtual.Board) {
	v, err := virtual.New(virtual.Config{Board: name, Chips: 3, HashBudget: 20e3, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	return New(t, Options{Board: func(int) *board.Board { return v.Board }}), v
}

// Every board mines through the whole stack: its virtual chips' nonces become
// shares and blocks of a pool.
func TestBoards(t *testing.T) {
	for _, name := range virtual.Names() {
		bubble(t, name, func(t *testing.T) {
			r, v := boardRig(t, name)
			d := r.Devices[0]
			r.Until("shares and a block", 5*time.Minute, func() bool {
				return d.Status().Pool.Accepted > 100 && r.Chain.Mined() > 0
			})
			time.Sleep(3 * time.Minute) // for a hash rate that can be compared
			s := d.Status()
			if s.Board.Power != device.PowerMining || s.Board.Chains[0].HashRate == 0 || s.Total.HardwareErrors > s.Total.Solutions/20 {
				t.Errorf("board %+v, total %+v", s.Board, s.Total)
			}
			// Over all this time, for one minute of the slowest has 80 solutions: chance alone makes 11 %.
			if got, want := s.HashRate.Minutes15, v.HashRate(); got < want*0.6 || got > want*1.4 {
				t.Errorf("hash rate %.0f, the chip makes %.0f", got, want)
			}
			r.honest()
			for _, rep := range v.Reports() {
				t.Errorf("protocol: %v", rep)
			}
		})
	}
}

// A fault stops the chips and not the channel; when it is over, shares come again.
func TestBoardFaultAndBack(t *testing.T) {
	bubble(t, "fan", func(t *testing.T) {
		r, v := boardRig(t, "bitaxe-gamma")
		d := r.Devices[0]
		accepted := func(n uint64) func() bool { return func() bool { return d.Status().Pool.Accepted > n } }
		r.Until("shares", time.Minute, accepted(20))
		fan, _ := v.Fault(virtual.FanStops)
		fan.Hurt()
		r.Until("safe", 2*time.Second, func() bool { return v.State().Millivolts() == 0 })
		s := d.Status()
		if s.Board.Reason == nil || s.Board.Reason.Code != device.FanStopped || s.Pool.Channel == nil {
			t.Errorf("board %+v, channel %v", s.Board, s.Pool.Channel)
		}
		events := ""
		for _, e := range s.Events {
			events += e.Text + "\n"
		}
		if !strings.Contains(events, "board is safe-off: fan-stopped: fan turns at 0 rpm") {
			t.Errorf("events:\n%s", events)
		}
		fan.Heal()
		r.Until("shares again", 2*time.Minute, accepted(s.Pool.Accepted+20))

		d.Pause()
		time.Sleep(time.Second)
		before := d.Status().Total.Works
		time.Sleep(10 * time.Second)
		if s := d.Status(); s.State != device.Paused || s.Total.Works != before {
			t.Errorf("paused: %v, %d works, %d before", s.State, s.Total.Works, before)
		}
		d.Resume()
		// One a second on average: by chance alone there is none for 10 s once in 20 000 runs.
		r.Until("shares after the pause", 30*time.Second, accepted(d.Status().Pool.Accepted))
		if err := d.Stop(); err != nil || !v.State().Safe() || v.State().Millivolts() != 0 {
			t.Errorf("Run = %v, board %+v", err, v.State())
		}
		r.recordedOnce()
	})
}

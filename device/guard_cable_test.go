package device

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/bitaxe"
	"github.com/lodefw/lode/board/virtual"
	"github.com/lodefw/lode/internal/usbtest"
)

// plugged is a bench whose board hangs on a cable.
type plugged struct {
	*bench
	computer *usbtest.Computer
	cable    *board.Cable
	device   usbtest.Device
}

// bitaxeOn makes a virtual board that may be plugged in.
func bitaxeOn(t *testing.T, name, serial string, seed uint64) (*virtual.Bitaxe, usbtest.Device) {
	t.Helper()
	v, err := virtual.NewBitaxe(virtual.Config{Board: name, HashBudget: 5e3, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	v.USB.Work = time.Millisecond
	return v, usbtest.Device{Board: v.USB, Chip: v.Chip, Manufacturer: "OSMU", Product: "Bitaxe", Serial: serial}
}

func plugIn(t *testing.T, serial string) *plugged {
	t.Helper()
	v, device := bitaxeOn(t, "bitaxe-gamma", serial, 3)
	p := &plugged{computer: new(usbtest.Computer), device: device}
	var err error
	if p.cable, err = p.computer.Host().Cable(p.computer.Plug(device)); err != nil {
		t.Fatal(err)
	}
	kind, err := bitaxe.KindOf("bitaxe-gamma")
	if err != nil {
		t.Fatal(err)
	}
	v.Board.Board, err = bitaxe.FromCable(p.cable, &kind, bitaxe.Options{WiredZeros: v.Chip.Zeros(), Ticket: 64})
	if err != nil {
		t.Fatal(err)
	}
	p.bench = runBench(t, v)
	return p
}

// end ends the bench, and looks for what it has left.
func (p *plugged) end() {
	p.bench.end()
	if err := p.cable.Close(); err != nil {
		p.t.Error(err)
	}
	p.computer.Wait()
	if n := p.computer.Open(); n != 0 {
		p.t.Errorf("%d ports are open after the end", n)
	}
}

// hashes tells whether the chip is at work.
func (p *plugged) hashes() bool { return p.board.Chip.Status().Chips[0].HashRate > 0 }

func safe(p *plugged) func(*BoardStatus) bool {
	return func(*BoardStatus) bool { return p.board.State().Safe() }
}

// A cable is pulled out and plugged in again. What is behind it has lost its power
// meanwhile, or hashes as before: it is made safe first, rests, and mines again.
func TestBoardCable(t *testing.T) {
	for _, cycled := range []bool{false, true} {
		for _, serial := range []string{"1a2b", ""} {
			synctested(t, fmt.Sprintf("cycled=%v,serial=%q", cycled, serial), func(t *testing.T) {
				p := plugIn(t, serial)
				p.until("mining", 20*time.Second, is(PowerMining))
				time.Sleep(10 * time.Second)
				p.computer.Pull()
				p.until("off", 2*time.Second, off)
				s := p.guard.Status()
				if s.Power != PowerSafeOff || s.Reason.Code != ControllerSilent || !strings.Contains(s.Reason.Text, "is its cable plugged in?") {
					t.Errorf("%v: %v", s.Power, s.Reason)
				}
				time.Sleep(time.Minute)
				if !p.hashes() {
					t.Error("the chip has stopped by itself: this test shows nothing")
				}
				if err := p.guard.healthy(time.Now()); err != nil {
					t.Errorf("a computer that a watchdog restarts brings no cable back: %v", err)
				}
				if n := p.computer.Open(); n != 0 {
					t.Errorf("%d dead ports are still open", n)
				}
				if cycled {
					p.board.PowerCycle()
				}
				p.computer.Plug(p.device)
				took := p.until("safe", 3*time.Second, safe(p))
				told := func(*BoardStatus) bool { return strings.Contains(p.log(), "plugged in again: OSMU Bitaxe "+serial) }
				took += p.until("told", 3*time.Second-took, told)
				p.named("/dev/ttyACM3,/dev/ttyACM4")
				for rest := took; rest < 9*time.Second; rest += 100 * time.Millisecond {
					if !p.board.State().Safe() {
						t.Fatalf("on again %v after it was safe", rest)
					}
					time.Sleep(100 * time.Millisecond)
				}
				took = p.until("mining again", 30*time.Second, is(PowerMining))
				good := p.guard.Status().Chains[0].Good
				time.Sleep(20 * time.Second)
				if now := p.guard.Status(); now.Chains[0].Good < good+20 || now.Trips != 1 {
					t.Errorf("20 s later: %+v", now)
				}
				for _, r := range p.board.Reports() {
					t.Errorf("protocol: %v", r)
				}
				t.Logf("mining %v after the rest%s", took, p.log())
				p.end()
				if st := p.board.State(); !st.Safe() {
					t.Errorf("after the end: %+v", st)
				}
			})
		}
	}
}

// Another board in the place of the first is named, and not touched.
func TestBoardCableOfAnother(t *testing.T) {
	for _, c := range []struct{ name, serial, says string }{
		{"bitaxe-gamma", "ffff", "another board is there, OSMU Bitaxe ffff"},
		{"bitaxe-hex", "1a2b", "this is another board, or not all of it has power: found TPS546 at 0x24, EMC2302"},
	} {
		synctested(t, c.name, func(t *testing.T) {
			p := plugIn(t, "1a2b")
			p.until("mining", 20*time.Second, is(PowerMining))
			p.computer.Pull()
			other, device := bitaxeOn(t, c.name, c.serial, 4)
			other.Bus.Do(func() { other.Regulator.Set(0x01, 0x80) }) // somebody else's, and on
			p.computer.Plug(device)
			time.Sleep(time.Minute)
			p.named(c.says)
			if s := p.guard.Status(); s.Power != PowerSafeOff || s.Trips != 1 {
				t.Errorf("%+v", s)
			}
			if n := p.computer.Open(); n != 0 {
				t.Errorf("%d ports of another board are open", n)
			}
			other.Bus.Do(func() {
				if other.Regulator.Get(0x01)[0] != 0x80 {
					t.Error("another board's regulator was told something")
				}
			})
			p.computer.Pull()
			p.computer.Plug(p.device)
			p.until("mining again", time.Minute, is(PowerMining))
			p.end()
		})
	}
}

// The cable may go at any moment of a start, too.
func TestBoardCableDuringStart(t *testing.T) {
	step := 390 * time.Millisecond
	if testing.Short() {
		step *= 4
	}
	for after := 50 * time.Millisecond; after < 8*time.Second; after += step {
		synctested(t, after.String(), func(t *testing.T) {
			p := plugIn(t, "1a2b")
			p.until("mining", 20*time.Second, is(PowerMining))
			p.computer.Pull()
			time.Sleep(20 * time.Second)
			p.computer.Plug(p.device)
			p.until("starting", 20*time.Second, is(PowerStarting))
			time.Sleep(after)
			p.computer.Pull()
			p.until("off", 2*time.Second, off)
			if s := p.guard.Status(); s.Reason.Code != ControllerSilent {
				t.Errorf("%v", s.Reason)
			}
			p.computer.Plug(p.device)
			p.until("safe", 3*time.Second, safe(p))
			p.until("mining again", time.Minute, is(PowerMining))
			p.end()
		})
	}
}

// Whoever pulls a cable a hundred times has as many ports as before, and no more
// goroutines than come and go.
func TestBoardCableOften(t *testing.T) {
	times := 100
	if testing.Short() {
		times = 20
	}
	synctest.Test(t, func(t *testing.T) {
		p := plugIn(t, "1a2b")
		before := 0
		for i := range times {
			p.until("mining", 5*time.Minute, is(PowerMining))
			time.Sleep(time.Second)
			synctest.Wait()
			if now := runtime.NumGoroutine(); i == 1 {
				before = now
			} else if i > 1 && now > before+10 {
				t.Fatalf("after %d times there are %d goroutines, there were %d", i, now, before)
			}
			if n := p.computer.Open(); n != 2 {
				t.Fatalf("after %d times %d ports are open", i, n)
			}
			p.computer.Pull()
			p.until("off", 2*time.Second, off)
			time.Sleep(time.Duration(i) * 37 * time.Millisecond)
			p.computer.Plug(p.device)
			if i%3 == 2 {
				p.guard.clearTrips() // too many in an hour are a fault
			}
		}
		p.end()
	})
}

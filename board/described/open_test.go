package described_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/described"
	"github.com/lodefw/lode/board/linux"
	"github.com/lodefw/lode/board/virtual"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/tinytest/chipsim"
	"github.com/lodefw/lode/tinytest/chipsim/usbsim"
)

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "board.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// loose is a chain that nobody guards, such as one of an emulated machine.
const loose = `
name = "emulated"
unguarded = "a virtual chain: it cannot get hot"
[[chain]]
uart = "/dev/ttyAMA1"
model = "BM1370"
chips = 2
clock = 525
ticket = 64
wired-zeros = 8
`

// jobs gives out work that differs.
type jobs struct {
	mu sync.Mutex
	n  uint64
}

func (j *jobs) Work(hashing.Traits) (hashing.Work, time.Duration, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.n++
	var max bitcoin.Target
	for i := range max {
		max[i] = 0xff
	}
	w := hashing.Work{ID: j.n, VersionMask: 0x1fffe000, Target: max}
	w.Header.Version, w.Header.NTime = 0x20000000, uint32(j.n)
	return w, time.Hour, true
}

func TestLoose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, err := chipsim.New(chipsim.Config{Model: "BM1370", Chips: 2, Zeros: 8})
		if err != nil {
			t.Fatal(err)
		}
		sys := &linux.System{OpenLine: func(path string, _ int) (linux.Line, error) {
			if path != "/dev/ttyAMA1" {
				t.Errorf("opened %s", path)
			}
			return sim.Port(), nil
		}}
		path := file(t, loose)
		if is, err := described.IsLoose(path); err != nil || !is {
			t.Errorf("IsLoose = %v, %v", is, err)
		}
		if _, _, err := described.Open(sys, board.OpenConfig{Where: path}); err == nil || !strings.Contains(err.Error(), "cannot get hot") {
			t.Errorf("opened as a guarded board: %v", err)
		}
		list, rate, ports, err := described.Loose(sys, path, described.Options{})
		if err != nil || len(list) != 1 || list[0].String() != "chain 1" {
			t.Fatalf("Loose = %v, %v", list, err)
		}
		if want := 2 * 2040 * 525e6 / (1 << 24); rate < want*0.99 || rate > want*1.01 {
			t.Errorf("%v hashes a second, want %v", rate, want)
		}
		var mu sync.Mutex
		found := 0
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		err = list[0].Run(ctx, hashing.NewFeed(&jobs{}), func(hashing.Solution) { mu.Lock(); found++; mu.Unlock() })
		if err != nil || found < 100 {
			t.Errorf("found %d in a minute, %v", found, err)
		}
		if err := ports.Close(); err != nil {
			t.Error(err)
		}
	})
}

// bridged is a Bitaxe whose controller runs bitaxe-raw, written down.
const bridged = `
name = "a Bitaxe"
bridge = "/dev/ttyACM0"
[[chain]]
uart = "/dev/ttyACM1"
model = "BM1370"
chips = 1
clock = 525
reset = 0
[[rail]]
name = "core"
kind = "tps546"
address = 0x24
volts = 1.15
min-volts = 1.0
max-volts = 1.3
min-input = 4.6
max-input = 5.6
max-amps = 25
tolerance = 6
[[fan]]
name = "fan"
kind = "emc2101"
address = 0x4c
min-duty = 25
min-rpm = 300
[[thermometer]]
name = "chip"
kind = "emc2101"
sensor = "external"
address = 0x4c
target = 60
throttle = 68
max = 75
[[thermometer]]
name = "regulator"
kind = "tps546"
address = 0x24
target = 80
throttle = 95
max = 105
`

// pipeLine is a control port.
type pipeLine struct{ net.Conn }

func (pipeLine) SetBaud(int) error { return nil }

// A file can say what the code of a board says: the same virtual Bitaxe comes up.
func TestBridge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, err := virtual.NewBitaxe(virtual.Config{Board: "bitaxe-gamma"})
		if err != nil {
			t.Fatal(err)
		}
		sim := &usbsim.Board{Bus: v.Bus, Pins: []uint8{0}, Work: time.Millisecond, Drive: func(_ uint8, high bool) { v.Chip.Reset(!high) }}
		host, far := net.Pipe()
		var served sync.WaitGroup
		served.Go(func() { sim.Serve(far) })
		sys := &linux.System{OpenLine: func(path string, _ int) (linux.Line, error) {
			if path == "/dev/ttyACM0" {
				return pipeLine{host}, nil
			}
			return v.Chip.Port(), nil
		}}
		b, ports, err := described.Open(sys, board.OpenConfig{Where: file(t, bridged), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Up(t.Context()); err != nil {
			t.Fatal(err)
		}
		s := b.Measure(time.Now())
		if p := s.Rails[0]; p.Err != nil || p.Output < 1.1 || p.Input < 5 || s.Fans[0].RPM < 1000 || v.State().Millivolts() < 1100 {
			t.Errorf("measured %+v, %+v", s, v.State())
		}
		if err := b.Down(); err != nil || !v.State().Off() {
			t.Errorf("Down = %v, %+v", err, v.State())
		}
		if err := ports.Close(); err != nil {
			t.Error(err)
		}
		served.Wait()
		for _, c := range []struct{ old, new, says string }{
			{"reset = 0", "reset = 300", "pins 0 to 255"},
			{`kind = "tps546"` + "\naddress = 0x24\ntarget", `kind = "tps546"` + "\naddress = 0x25\ntarget", "no [[rail]] of kind tps546"},
		} {
			again, far := net.Pipe()
			host = again
			served.Go(func() { sim.Serve(far) })
			_, _, err := described.Open(sys, board.OpenConfig{Where: file(t, strings.Replace(bridged, c.old, c.new, 1))})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v, want %q", c.new, err, c.says)
			}
			served.Wait()
		}
	})
}

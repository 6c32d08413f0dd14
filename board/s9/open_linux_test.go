package s9_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/linux"
	"github.com/lodefw/lode/board/s9"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
)

// bus is a virtual one with Close.
type bus struct{ *i2csim.Bus }

func (bus) Close() error { return nil }

// machine is a folder that looks like an S9: the names of its cores, files for
// their registers, and pins. Hash boards are at the connectors of plugged.
func machine(t *testing.T, plugged ...int) *linux.System {
	t.Helper()
	pics := i2csim.New()
	sys := &linux.System{Root: t.TempDir(), OpenBus: func(n int) (i2c.BusCloser, error) {
		if n != 0 {
			return nil, fmt.Errorf("bus %d was opened", n)
		}
		return bus{pics}, nil
	}}
	write := func(name string, data []byte) {
		t.Helper()
		path := sys.Path(name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	names := []string{"fan-control"}
	level := map[int]string{}
	for _, n := range s9.Connectors() {
		level[897+n-1] = "0"
	}
	for i, n := range plugged {
		level[897+n-1] = "1"
		pics.Add(uint16(0x50+n-1), &i2csim.PIC16{})
		names = append(names, fmt.Sprintf("chain%d-common", n), fmt.Sprintf("chain%d-work-rx", n),
			fmt.Sprintf("chain%d-work-tx", n), fmt.Sprintf("chain%d-%s", n, []string{"cmd", "cmd-rx"}[i%2]))
	}
	for _, n := range s9.Connectors() {
		level[888+n-1] = "1"
	}
	for i, name := range names {
		registers := make([]byte, 0x1000)
		if strings.HasSuffix(name, "-common") {
			binary.NativeEndian.PutUint32(registers, 0x00901000)
			binary.NativeEndian.PutUint32(registers[4:], 0x5d5e7158)
		}
		device := fmt.Sprint("uio", i)
		write("/sys/class/uio/"+device+"/name", []byte(name+"\n"))
		write("/sys/class/uio/"+device+"/maps/map0/size", []byte("0x00001000\n"))
		write("/dev/"+device, registers)
	}
	for pin, v := range level {
		dir := fmt.Sprintf("/sys/class/gpio/gpio%d/", pin)
		write(dir+"direction", []byte("in\n"))
		write(dir+"value", []byte(v+"\n"))
		write(dir+"active_low", []byte("0\n"))
		write(dir+"edge", []byte("none\n"))
	}
	return sys
}

// An S9 with two hash boards is found and opened, its chips held in reset, its fans
// at full speed.
func TestOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := machine(t, 6, 8)
		if f := s9.Detect(sys); !f.Found || !strings.Contains(f.Saw, "chain6-common, chain8-common") {
			t.Errorf("Detect = %v", f)
		}
		b, closer, err := s9.Open(sys, board.OpenConfig{Clock: 500 * physic.MegaHertz, Voltage: 410 * physic.MilliVolt})
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Chains) != 2 || b.Chains[1].String() != "hash board J8" || len(b.Rails) != 2 || len(b.Thermometers) != 2 {
			t.Errorf("%v: chains %v", b, b.Chains)
		}
		if want := 2 * 63 * 114 * 500e6; b.HashRate() != want {
			t.Errorf("hash rate %g, want %g", b.HashRate(), want)
		}
		if r := b.Rails[0]; r.Output != 8610*physic.MilliVolt || r.Start != 9400*physic.MilliVolt {
			t.Errorf("rail from %v to %v", r.Start, r.Output)
		}
		for pin, want := range map[int]string{893: "low", 894: "in", 895: "low"} {
			got, err := os.ReadFile(sys.Path(fmt.Sprintf("/sys/class/gpio/gpio%d/direction", pin)))
			if err != nil || strings.TrimSpace(string(got)) != want {
				t.Errorf("reset pin %d is %s, %v, want %s", pin, got, err, want)
			}
		}
		fans, err := os.ReadFile(sys.Path("/dev/uio0"))
		if err != nil || binary.NativeEndian.Uint32(fans[0x10:]) != 100 {
			t.Errorf("fans at %d%%, %v", binary.NativeEndian.Uint32(fans[0x10:]), err)
		}
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	})
}

// What is not an S9, or not whole, is said.
func TestNotOpened(t *testing.T) {
	for name, f := range map[string]struct {
		hurt func(sys *linux.System)
		conf board.OpenConfig
		want string
	}{
		"no board": {func(sys *linux.System) { replace(t, sys, "/sys/class/gpio/gpio902/value", "0\n") }, board.OpenConfig{}, "no hash board is plugged in"},
		"no core":  {func(sys *linux.System) { replace(t, sys, "/sys/class/uio/uio1/name", "other\n") }, board.OpenConfig{}, "want chain6-common"},
		"no fans":  {func(sys *linux.System) { replace(t, sys, "/sys/class/uio/uio0/name", "other\n") }, board.OpenConfig{}, "want fan-control"},
		"stock":    {func(sys *linux.System) { replace(t, sys, "/dev/uio1", string(make([]byte, 0x1000))) }, board.OpenConfig{}, "stock firmware has another"},
		"no pic": {func(sys *linux.System) {
			sys.OpenBus = func(int) (i2c.BusCloser, error) { return bus{i2csim.New()}, nil }
		}, board.OpenConfig{}, "no voltage controller at address 0x55"},
		"volts": {func(*linux.System) {}, board.OpenConfig{Voltage: 460 * physic.MilliVolt}, "which has 7.950V to 9.400V"},
	} {
		synctest.Test(t, func(t *testing.T) {
			sys := machine(t, 6)
			f.hurt(sys)
			_, _, err := s9.Open(sys, f.conf)
			if err == nil || !strings.Contains(err.Error(), f.want) {
				t.Errorf("%s: %v, want %q", name, err, f.want)
			}
		})
	}
	if f := s9.Detect(&linux.System{Root: t.TempDir()}); f.Found || f.Check == "" {
		t.Errorf("an empty computer: %v", f)
	}
}

func replace(t *testing.T, sys *linux.System, name, text string) {
	t.Helper()
	if err := os.WriteFile(sys.Path(name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

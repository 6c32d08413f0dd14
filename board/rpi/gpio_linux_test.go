package rpi

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/pin"
)

// A file stands for the registers: what is written to them stays there.
func TestPins(t *testing.T) {
	name := filepath.Join(t.TempDir(), "gpiomem")
	if err := os.WriteFile(name, make([]byte, memSize), 0o600); err != nil {
		t.Fatal(err)
	}
	g, err := openGPIO(name)
	if err != nil {
		t.Fatal(err)
	}
	word := func(i int) uint32 { return binary.NativeEndian.Uint32(g.mem[4*i:]) }
	data, clock := g.pin(pinData), g.pin(pinClock)
	for _, p := range []*memPin{data, clock} {
		if err := p.SetFunc("ALT0"); err != nil || p.Func() != "ALT0" {
			t.Errorf("%v is %v, %v", p, p.Func(), err)
		}
	}
	if got := word(1); got != 0o44 {
		t.Errorf("function of pins 10 to 19 is %o", got)
	}
	if err := data.Out(gpio.High); err != nil || word(regSet) != 1<<10 || word(1) != 0o41 || data.Func() != pin.Func("OUT") {
		t.Errorf("high: %v, set %x, function %o", err, word(regSet), word(1))
	}
	if err := clock.Out(gpio.Low); err != nil || word(regClear) != 1<<11 {
		t.Errorf("low: %v, clear %x", err, word(regClear))
	}
	if err := data.SetFunc("SPI"); err == nil {
		t.Error("an unknown function")
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if _, err := openGPIO(name + "none"); err == nil {
		t.Error("no file is no error")
	}
}

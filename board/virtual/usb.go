package virtual

import (
	"github.com/lodefw/lode/drivers/bitaxeraw"
	"github.com/lodefw/lode/tinytest/chipsim"
	"github.com/lodefw/lode/tinytest/chipsim/usbsim"
)

// chain makes a chain of chips, as Config.Chip wants it.
func (c *Config) chain(chip chipsim.Config) (*chipsim.Chain, error) {
	if c.Chip != nil {
		c.Chip(&chip)
	}
	return chipsim.New(chip)
}

// bridge is a Bitaxe's USB bridge, of which the only pin is the chips' reset.
func (b *Bitaxe) bridge() *usbsim.Board {
	return &usbsim.Board{
		Bus: b.Bus, Pins: []uint8{bitaxeraw.PinReset},
		Drive: func(_ uint8, high bool) { b.Chip.Reset(!high) },
	}
}

// bridge is an emberOne's USB bridge.
func (b *EmberOne) bridge() *usbsim.Board {
	return &usbsim.Board{Bus: b.Bus, Pins: []uint8{0, 1, 2}, Drive: b.Drive}
}

// PowerCycle takes the supply of the whole board away for a moment: its controller, its
// parts and its chips are as new.
func (b *Bitaxe) PowerCycle() {
	b.USB.Restart()
	b.Bus.PowerCycle()
	b.change(b.Chip.PowerCycle)
}

// PowerCycle is as a Bitaxe's.
func (b *EmberOne) PowerCycle() {
	b.USB.Restart()
	b.Bus.PowerCycle()
	b.change(b.Chip.PowerCycle)
}

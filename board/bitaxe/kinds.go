package bitaxe

import (
	"fmt"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/drivers/bm13xx"
	"github.com/lodefw/lode/drivers/emc2101"
	"github.com/lodefw/lode/drivers/tps546"
	"periph.io/x/conn/v3/physic"
)

// Kind is one kind of board: what the boards differ in.
type Kind struct {
	Name  string
	About string // its versions
	Model bm13xx.Model
	Chips int
	// Domains is how many groups of chips stand in series: the regulator gives so
	// many times a chip's voltage.
	Domains int
	Clock   physic.Frequency
	Volts   physic.ElectricPotential // of a chip
	// Clamps have volts of a chip, too.
	Clamps board.Clamps
	// Stage is the TPS546 of the kind; nil if no version has one.
	Stage func() *tps546.Stage
	// Bent says that there are versions whose regulator is set by a DS4432U, with
	// an INA260 in the board's supply, and Watts what such a board may take.
	Bent  bool
	Watts float64
	Input board.PowerLimits // of the supply, and what a TPS546 may give
	Cooler
	// Diode is the chip's, where it is not the usual one.
	Diode *emc2101.Diode
	// Beside is for versions with the DS4432U, where the fan's controller has no
	// wire to the chip's diode: how much warmer the chip is than it. 0: there is.
	Beside board.Celsius
}

// Cooler is what turns the fans and knows the chips' temperature.
type Cooler uint8

// Coolers of the boards.
const (
	EMC2101        Cooler = iota // a fan, and the chip's diode
	EMC2103                      // a fan, and the diodes of two chips
	EMC2302TMP1075               // two fans; two sensors on the board
)

const mhz, mv = physic.MegaHertz, physic.MilliVolt

// Kinds lists the boards. Versions, counts, clocks, voltages and what may be chosen
// are ESP-Miner's (device_config.h, vcore.c); boards.md there gives the same
// voltages. A Gamma may be clocked and fed a little beyond its list.
func Kinds() []Kind {
	gamma := &emc2101.Diode{Ideality: 0x24, Beta: 0x00}
	return []Kind{
		{Name: "bitaxe-gamma", About: "600 to 603", Model: bm13xx.BM1370, Chips: 1, Domains: 1,
			Clock: 525 * mhz, Volts: 1150 * mv, Clamps: board.Clamps{MinClock: 400, MaxClock: 650, MinVolts: 1.0, MaxVolts: 1.3},
			Stage: stage5V, Input: input5V, Diode: gamma},
		{Name: "bitaxe-supra", About: "400 to 403", Model: bm13xx.BM1368, Chips: 1, Domains: 1,
			Clock: 490 * mhz, Volts: 1166 * mv, Clamps: board.Clamps{MinClock: 400, MaxClock: 575, MinVolts: 1.1, MaxVolts: 1.3},
			Stage: stage5V, Bent: true, Watts: 40, Input: input5V, Beside: 5},
		{Name: "bitaxe-ultra", About: "0.11 and 201 to 207", Model: bm13xx.BM1366, Chips: 1, Domains: 1,
			Clock: 485 * mhz, Volts: 1200 * mv, Clamps: board.Clamps{MinClock: 400, MaxClock: 575, MinVolts: 1.1, MaxVolts: 1.3},
			Stage: stage5V, Bent: true, Watts: 25, Input: input5V, Beside: 5},
		{Name: "bitaxe-max", About: "2.2 and 102", Model: bm13xx.BM1397, Chips: 1, Domains: 1,
			Clock: 425 * mhz, Volts: 1400 * mv, Clamps: board.Clamps{MinClock: 400, MaxClock: 600, MinVolts: 1.1, MaxVolts: 1.5},
			Bent: true, Watts: 25, Input: input5V},
		{Name: "bitaxe-gamma-duo", About: "650", Model: bm13xx.BM1370, Chips: 2, Domains: 1,
			Clock: 400 * mhz, Volts: 1150 * mv, Clamps: board.Clamps{MinClock: 350, MaxClock: 410, MinVolts: 1.0, MaxVolts: 1.25},
			Stage: stage5V, Input: input5V, Diode: gamma},
		{Name: "bitaxe-gamma-turbo", About: "801", Model: bm13xx.BM1370, Chips: 2, Domains: 1,
			Clock: 525 * mhz, Volts: 1150 * mv, Clamps: board.Clamps{MinClock: 400, MaxClock: 625, MinVolts: 1.0, MaxVolts: 1.25},
			Stage: stageTurbo, Input: inputTurbo, Cooler: EMC2103},
		{Name: "bitaxe-hex", About: "302 and 303", Model: bm13xx.BM1366, Chips: 6, Domains: 3,
			Clock: 485 * mhz, Volts: 1200 * mv, Clamps: board.Clamps{MinClock: 400, MaxClock: 575, MinVolts: 1.1, MaxVolts: 1.3},
			Stage: stageHex, Input: inputHex, Cooler: EMC2302TMP1075},
		{Name: "bitaxe-supra-hex", About: "701 and 702", Model: bm13xx.BM1368, Chips: 6, Domains: 3,
			Clock: 490 * mhz, Volts: 1166 * mv, Clamps: board.Clamps{MinClock: 400, MaxClock: 575, MinVolts: 1.1, MaxVolts: 1.3},
			Stage: stageHex, Input: inputHex, Cooler: EMC2302TMP1075},
	}
}

// KindOf finds a kind by its name.
func KindOf(name string) (Kind, error) {
	var names []string
	for _, k := range Kinds() {
		if k.Name == name {
			return k, nil
		}
		names = append(names, k.Name)
	}
	return Kind{}, fmt.Errorf("bitaxe: no board %q; there are %v", name, names)
}

// output is the regulator's voltage for one of a chip.
func (k *Kind) output(chip physic.ElectricPotential) physic.ElectricPotential {
	return chip * physic.ElectricPotential(k.Domains)
}

// rail are the clamps in volts of the regulator.
func (k *Kind) rail() (least, most physic.ElectricPotential) {
	return k.output(k.Clamps.MinVolts.Potential()), k.output(k.Clamps.MaxVolts.Potential())
}

// Package virtual has boards that exist in this process only: the code of a real
// board, wired to virtual chips, sensors and regulators instead of wires. Their
// chips find real nonces at a difficulty that a laptop's core can be the chip for;
// they get warm from their clock and voltage, and cool by their fan.
//
//	board/x -- line ---> chipsim.Chain (chips, heat) <--- reset line
//	   |                      ^ voltage  ^ air
//	   +------- I²C ---> i2csim: regulators, sensors, fans
//
// Each kind of board has a file here that does the wiring, and a row in kinds.
package virtual

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/tinytest/chipsim"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
	"github.com/lodefw/lode/tinytest/chipsim/usbsim"
)

// Config says which board. Only Board is needed.
type Config struct {
	Board string // a name of Names
	// Chips is how many chips each chain has; 0 is as many as the real board.
	Chips int
	// HashBudget is how many hashes per second this computer may make for all
	// chips; 0 is 400 000, a few percent of a core: a board that is
	// late because the computer is busy looks like one that does not answer.
	HashBudget float64
	Seed       uint64  // of silicon and noise
	Ambient    float64 // °C; 0 is 25
	// Chip may change each of its chains of Bitmain's chips before it is made; nil
	// leaves them.
	Chip func(*chipsim.Config)
	Log  *slog.Logger
}

// kind is a row of kinds.
type kind struct {
	name  string
	build func(Config) (*Board, error)
}

func kinds() []kind {
	return slices.Concat(bitaxes(), emberones(), amlogics(), s19bbbs(), s9s(), describeds(), rpis())
}

// Names lists the boards that there are a virtual one of.
func Names() (names []string) {
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}

// Board is a virtual board, and what only a simulation lets one touch.
type Board struct {
	*board.Board
	// Chips are its chains of Bitmain's chips, in the order of Chains; nil if it
	// has others.
	Chips []*chipsim.Chain
	// Bus is its I²C bus; nil if it has none.
	Bus *i2csim.Bus
	// USB is the board's USB bridge, through which a program elsewhere reaches all
	// of it but the chips' line; nil if it has none.
	USB *usbsim.Board
	// Faults is what can break on it, beside chips and bus.
	Faults []Fault
	// State is the board as nobody can see it from outside.
	State func() State
	// Reports lists what was done to its parts that real ones would not stand.
	Reports func() []string
}

// Fault is something that can break on a board, and be mended. Its name says what,
// in the words of Break: programs tell kinds of faults by it.
type Fault struct {
	Break Break
	Part  string // name of the board's part that it shows at
	Hurt  func()
	Heal  func()
}

// Break is a kind of fault.
type Break string

// What can break.
const (
	FanStops      Break = "fan stops"
	TachLost      Break = "tachometer wire off"
	SensorLost    Break = "sensor lost"
	SensorNAK     Break = "sensor does not answer"
	SensorStuck   Break = "sensor stuck"
	SensorHot     Break = "place too hot"
	HotAir        Break = "hot air"
	RegulatorNAK  Break = "regulator does not answer"
	RegulatorTrip Break = "regulator trips"
	OverCurrent   Break = "too much current"
	SupplyLow     Break = "supply too low"
	SupplyHigh    Break = "supply too high"
	SupplyNAK     Break = "supply does not answer"
	SupplyMute    Break = "supply has nothing to say"
	SupplyHangs   Break = "supply's bus hangs"
	SupplySags    Break = "supply gives too little"
	HeartbeatLost Break = "heartbeats are lost"
	BusDead       Break = "nothing on the bus answers"
	BusHangs      Break = "the bus hangs"
	ChipsDark     Break = "chips without power"
	LineBroken    Break = "the chips' line fails"
)

// Fault returns the board's first fault of a kind.
func (b *Board) Fault(k Break) (Fault, bool) {
	i := slices.IndexFunc(b.Faults, func(f Fault) bool { return f.Break == k })
	if i < 0 {
		return Fault{}, false
	}
	return b.Faults[i], true
}

// usual fills in what is zero.
func (c Config) usual() Config {
	if c.HashBudget == 0 {
		c.HashBudget = 400e3
	}
	if c.Ambient == 0 {
		c.Ambient = 25
	}
	return c
}

// New builds the board, without power.
func New(cfg Config) (*Board, error) {
	cfg = cfg.usual()
	for _, k := range kinds() {
		if k.name != cfg.Board {
			continue
		}
		b, err := k.build(cfg)
		if err != nil {
			return nil, fmt.Errorf("virtual: %w", err)
		}
		b.Name = "virtual:" + k.name
		return b, nil
	}
	return nil, fmt.Errorf("virtual: no board %q; there are %s", cfg.Board, strings.Join(Names(), ", "))
}

// ticket is a difficulty at which a chip reports a few times a second: enough to
// look at.
const ticket = 64

// State is a board at one moment.
type State struct {
	Chains []ChainState
	RPM    float64 // of the slowest fan
}

// ChainState is the truth about a chain.
type ChainState struct {
	Millivolts float64 // the most that a chip has
	Celsius    float64 // of the hottest chip
	MHz        float64 // of the fastest chip
	// Idle says that the chips do nothing, power or not: they are in reset, or
	// have no clock.
	Idle bool
}

// Works tells whether the chips get warm: they have power, and do something with it.
func (c ChainState) Works() bool { return c.Millivolts > 0 && !c.Idle && c.MHz > idleMHz }

// Safe tells whether the board may be left alone: each chain has no power at its
// chips, or turning air and no clock worth the name.
func (s State) Safe() bool {
	for _, c := range s.Chains {
		if c.Millivolts > 0 && !c.Idle && (s.RPM == 0 || c.MHz > idleMHz) {
			return false
		}
	}
	return true
}

// Off tells whether no chip has power, or does anything with it: not every board can
// turn its chips' supply off.
func (s State) Off() bool {
	return !slices.ContainsFunc(s.Chains, func(c ChainState) bool { return c.Millivolts > 0 && !c.Idle })
}

// Millivolts is the most that any chip has.
func (s State) Millivolts() (most float64) {
	for _, c := range s.Chains {
		most = max(most, c.Millivolts)
	}
	return most
}

// Celsius is how hot the hottest chip is.
func (s State) Celsius() (most float64) {
	for _, c := range s.Chains {
		most = max(most, c.Celsius)
	}
	return most
}

// MHz is the highest clock.
func (s State) MHz() (most float64) {
	for _, c := range s.Chains {
		most = max(most, c.MHz)
	}
	return most
}

// idleMHz is where chips rest that cannot be turned off.
const idleMHz = 60

// chainState reads the truth about a chain from its model.
func chainState(c *chipsim.Chain) (s ChainState) {
	for _, chip := range c.Status().Chips {
		s.Millivolts = max(s.Millivolts, chip.Millivolts)
		s.Celsius = max(s.Celsius, chip.Celsius)
		s.MHz = max(s.MHz, chip.MHz)
	}
	return s
}

// chipReports are what the chains' checkers have seen.
func chipReports(chains []*chipsim.Chain) (list []string) {
	for i, c := range chains {
		for _, r := range c.Reports() {
			list = append(list, fmt.Sprintf("chain %d: %v", i, r))
		}
	}
	return list
}

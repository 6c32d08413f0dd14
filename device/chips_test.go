package device

import (
	"strings"
	"testing"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/drivers/bm13xx"
	"github.com/lodefw/lode/tinytest/chipsim"
	"periph.io/x/conn/v3/physic"
)

// The chain of a chipPlant: six chips in three domains.
const (
	plantChips   = 6
	plantDomains = 3
)

// chipPlant is a plant whose left chain is six virtual chips, with a job.
type chipPlant struct {
	*plant
	chips *chipsim.Chain
}

func newChipPlant(t *testing.T) *chipPlant {
	t.Helper()
	p := &chipPlant{plant: newPlant(t)}
	var err error
	p.chips, err = chipsim.New(chipsim.Config{
		Model: "BM1362", Chips: plantChips, Domains: plantDomains, Seed: 7, HashBudget: 8e3, HeldInReset: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	reset := board.NewReset(func(low bool) error { p.chips.Reset(low); return nil }, nil)
	reset.Chain = 1
	p.board.Resets[0] = reset
	p.board.Chains[0] = board.NewBM13xx("left", p.chips.Port(), reset, bm13xx.BM1362, bm13xx.Options{
		Chips: plantChips, Domains: plantDomains, Frequency: 525 * physic.MegaHertz, WiredZeros: p.chips.Zeros(), Ticket: 64,
	})
	return p
}

// chipFault is what goes wrong with the chips while they mine, or from the start.
type chipFault struct {
	name   string
	fault  chipsim.Fault
	words  string // in the event log
	within time.Duration
	off    bool // the chain goes off
}

// Times within which a fault of chips is named: dead ones within a minute, those
// that find too few once that cannot be chance.
const (
	chipNamed = time.Minute
	chipFew   = 2*slowSpan + time.Minute
)

func chipFaults() []chipFault {
	return []chipFault{
		{"bytes get lost", chipsim.Fault{Kind: chipsim.LoseByte, Rate: 0.01}, "its line is bad", chipNamed, false},
		{"bytes are added", chipsim.Fault{Kind: chipsim.AddByte, Rate: 0.01}, "its line is bad", chipNamed, false},
		{"bits flip", chipsim.Fault{Kind: chipsim.FlipBit, Rate: 0.01}, "its line is bad", chipNamed, false},
		{"answers are cut", chipsim.Fault{Kind: chipsim.CutFrame, Rate: 0.1}, "its line is bad", chipNamed, false},
		{"wrong CRC", chipsim.Fault{Kind: chipsim.WrongCRC, Rate: 0.05}, "its line is bad", chipNamed, false},
		{"answers come twice", chipsim.Fault{Kind: chipsim.Repeat, Rate: 0.2}, "results come twice", chipNamed, false},
		{"answers come late", chipsim.Fault{Kind: chipsim.Late, Chip: 3, Rate: 60}, "chip 3 is silent", chipNamed, false},
		{"a chip and those behind it dead", chipsim.Fault{Kind: chipsim.DeadChip, Chip: 3}, "chips 3-5 are dead", chipNamed, false},
		{"one chip dead", chipsim.Fault{Kind: chipsim.MuteChip, Chip: 3}, "chip 3 is dead", chipNamed, false},
		{"domain dead", chipsim.Fault{Kind: chipsim.DeadDomain, Chip: 1}, "no chip is left in domain 1", chipNamed, false},
		{"brown-out of a domain", chipsim.Fault{Kind: chipsim.BrownOut, Chip: 2}, "no chip is left in domain 2", chipNamed, false},
		{"chip half as fast", chipsim.Fault{Kind: chipsim.SlowChip, Chip: 3}, "chip 3: it finds", chipFew, false},
		{"a quarter of a chip off", chipsim.Fault{Kind: chipsim.QuarterOff, Chip: 3}, "chip 3: it finds", chipFew, false},
		{"a chip's results wrong", chipsim.Fault{Kind: chipsim.HashErrors, Chip: 3, Rate: 0.4}, "of its results are wrong", chipNamed, false},
		{"a chip without its ticket", chipsim.Fault{Kind: chipsim.LowTicket, Chip: 3}, "of its results are wrong", chipNamed, false},
		{"a chip talks unasked", chipsim.Fault{Kind: chipsim.Spam, Chip: 3}, "were not asked for", chipNamed, false},
		{"another chip's id", chipsim.Fault{Kind: chipsim.WrongID, Chip: 3}, "were not asked for", chipNamed, false},
		{"cable of a chain unplugged", chipsim.Fault{Kind: chipsim.Unplugged}, string(ChainStuck), chipNamed, true},
	}
}

// test has the fault on a plant that mines: it is named, and the rest goes on.
func (f *chipFault) test(t *testing.T) {
	p := newChipPlant(t)
	p.run()
	p.until("mining", time.Minute, is(PowerMining))
	time.Sleep(5 * time.Second)
	p.chips.Inject(f.fault)
	p.until(f.words, f.within, func(*BoardStatus) bool {
		return strings.Contains(p.log(), "chain left") && strings.Contains(p.log(), f.words)
	})
	time.Sleep(500 * time.Millisecond)
	s := p.guard.Status()
	if s.Power != PowerMining || s.Trips > 0 || s.Chains[1].Power != PowerMining || s.Chains[0].Power.on() == f.off {
		t.Errorf("board %v, chains %v and %v%s", s.Power, s.Chains[0].Power, s.Chains[1].Power, p.log())
	}
	if f.off && p.cores[0].isOn() {
		t.Error("the chain has power")
	}
}

// startChipFaults keep a chain from starting.
func startChipFaults() []chipFault {
	return []chipFault{
		{name: "a chip missing", fault: chipsim.Fault{Kind: chipsim.DeadChip, Chip: 4}, words: "4 BM1362 answer"},
		{name: "a chip too many", fault: chipsim.Fault{Kind: chipsim.ExtraChip}, words: "7 BM1362 answer"},
		{name: "a chip of another kind", fault: chipsim.Fault{Kind: chipsim.WrongID, Chip: 2}, words: string(ChainFailed)},
		{name: "addresses not taken", fault: chipsim.Fault{Kind: chipsim.Unchained}, words: string(ChainFailed)},
		{name: "cable of a chain not plugged in", fault: chipsim.Fault{Kind: chipsim.Unplugged}, words: "0 BM1362 answer"},
	}
}

// testStart has the fault from the start: the chain stays off, the other one mines.
func (f *chipFault) testStart(t *testing.T) {
	p := newChipPlant(t)
	p.chips.Inject(f.fault)
	p.run()
	p.until("the other chain mines", time.Minute, func(s *BoardStatus) bool {
		return s.Power == PowerMining && s.Chains[1].Power == PowerMining && !s.Chains[0].Power.on()
	})
	p.named("chain left is safe-off: " + string(ChainFailed))
	p.named(f.words)
	p.until("given up", time.Hour, chainIs(0, PowerFault))
	time.Sleep(time.Second)
	if p.cores[0].isOn() || !p.cores[1].isOn() {
		t.Errorf("cores on: %v and %v", p.cores[0].isOn(), p.cores[1].isOn())
	}
}

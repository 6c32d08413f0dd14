package chipsim

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A FaultKind is something that goes wrong with a chain.
type FaultKind string

// Faults of the line. Rate is the probability for each byte or frame, 0.001 if
// zero.
const (
	LoseByte    FaultKind = "lose-byte"    // of an answer
	AddByte     FaultKind = "add-byte"     // to an answer
	FlipBit     FaultKind = "flip-bit"     // in an answer
	CutFrame    FaultKind = "cut-frame"    // an answer ends early
	WrongCRC    FaultKind = "wrong-crc"    // in an answer
	Repeat      FaultKind = "repeat"       // an answer comes twice
	LoseCommand FaultKind = "lose-command" // a byte from the host
	FlipCommand FaultKind = "flip-command" // a bit from the host
	Unplugged   FaultKind = "unplugged"    // nothing passes either way
)

// Faults of chips: of Chip, or of all if Chip is -1.
const (
	DeadChip    FaultKind = "dead-chip"    // it and everything behind it is silent
	MuteChip    FaultKind = "mute-chip"    // it alone is silent, and passes on
	SlowChip    FaultKind = "slow-chip"    // its clock is Rate of what it should be, 0.5 if zero
	NoLock      FaultKind = "no-lock"      // its PLL never locks after the next change
	WrongID     FaultKind = "wrong-id"     // register 0 reads as an unknown chip
	Impostor    FaultKind = "impostor"     // it also answers for the chip Other
	Spam        FaultKind = "spam"         // register 40 unasked, Rate times a second, 20 if zero
	HashErrors  FaultKind = "hash-errors"  // a share Rate of its results is wrong, 0.1 if zero
	LowTicket   FaultKind = "low-ticket"   // it ignores the ticket mask
	Late        FaultKind = "late"         // results come Rate seconds late, 0.05 if zero
	QuarterOff  FaultKind = "quarter-off"  // a quarter of its cores does not report
	WrongAnswer FaultKind = "wrong-answer" // register values have a random bit wrong
)

// Faults of the board. DeadDomain and BrownOut take a domain's number in Chip.
const (
	DeadDomain FaultKind = "dead-domain" // its supply fails
	BrownOut   FaultKind = "brown-out"   // its voltage falls by the share Rate, 0.5 if zero
	Unchained  FaultKind = "unchained"   // addresses are ignored: all chips keep 0
	ExtraChip  FaultKind = "extra-chip"  // one more than there are answers
	SlowStart  FaultKind = "slow-start"  // chips answer Rate seconds after a reset only, 2 if zero
)

// defaultRates also lists every kind.
func defaultRates() map[FaultKind]float64 {
	return map[FaultKind]float64{
		LoseByte: 0.001, AddByte: 0.001, FlipBit: 0.001, CutFrame: 0.01, WrongCRC: 0.01, Repeat: 0.05,
		LoseCommand: 0.001, FlipCommand: 0.001, Unplugged: 0,
		DeadChip: 0, MuteChip: 0, SlowChip: 0.5, NoLock: 0, WrongID: 0, Impostor: 0, Spam: 20, HashErrors: 0.1,
		LowTicket: 0, Late: 0.05, QuarterOff: 0, WrongAnswer: 0.05,
		DeadDomain: 0, BrownOut: 0.5, Unchained: 0, ExtraChip: 0, SlowStart: 2,
	}
}

// FaultKinds lists every kind.
func FaultKinds() []FaultKind { return slices.Sorted(maps.Keys(defaultRates())) }

// A Fault is one thing that goes wrong, for a while.
type Fault struct {
	Kind  FaultKind     `json:"kind"`
	Chip  int           `json:"chip,omitempty"`  // position on the chain from 0, -1 for all
	At    time.Duration `json:"at,omitempty"`    // since New; of Inject: from now on
	For   time.Duration `json:"for,omitempty"`   // 0: for ever
	Rate  float64       `json:"rate,omitempty"`  // see the kind
	Other int           `json:"other,omitempty"` // see Impostor
}

func (f Fault) check(chips, domains int) error {
	if _, ok := defaultRates()[f.Kind]; !ok {
		return fmt.Errorf("chipsim: no fault %q; there are %v", f.Kind, FaultKinds())
	}
	limit := chips
	if f.Kind == DeadDomain || f.Kind == BrownOut {
		limit = domains
	}
	if f.Chip < -1 || f.Chip >= limit || f.Other < 0 || f.Other >= chips {
		return fmt.Errorf("chipsim: fault %s names %d (other %d) of %d", f.Kind, f.Chip, f.Other, limit)
	}
	if f.At < 0 || f.For < 0 || !(f.Rate >= 0) {
		return fmt.Errorf("chipsim: fault %s: time and rate must not be negative", f.Kind)
	}
	return nil
}

// ParseFaults reads faults as a command line has them, separated by semicolons:
//
//	dead-chip chip=3 at=10s; lose-byte rate=0.01 for=1m
func ParseFaults(text string) ([]Fault, error) {
	var list []Fault
	for part := range strings.SplitSeq(text, ";") {
		words := strings.Fields(part)
		if len(words) == 0 {
			continue
		}
		f := Fault{Kind: FaultKind(words[0])}
		if _, ok := defaultRates()[f.Kind]; !ok {
			return nil, fmt.Errorf("chipsim: no fault %q; there are %v", f.Kind, FaultKinds())
		}
		for _, w := range words[1:] {
			if err := f.set(w); err != nil {
				return nil, fmt.Errorf("chipsim: fault %s: %w", f.Kind, err)
			}
		}
		list = append(list, f)
	}
	return list, nil
}

func (f *Fault) set(word string) (err error) {
	key, value, _ := strings.Cut(word, "=")
	switch key {
	case "chip", "domain":
		f.Chip, err = strconv.Atoi(value)
	case "other":
		f.Other, err = strconv.Atoi(value)
	case "at":
		f.At, err = time.ParseDuration(value)
	case "for":
		f.For, err = time.ParseDuration(value)
	case "rate":
		f.Rate, err = strconv.ParseFloat(value, 64)
	default:
		return fmt.Errorf("%q is not one of chip, domain, other, at, for, rate", key)
	}
	return err
}

// inject adds a fault whose At is since New.
func (c *Chain) inject(f Fault) {
	if f.Rate == 0 {
		f.Rate = defaultRates()[f.Kind]
	}
	c.faults = append(c.faults, f)
	c.refresh(c.now)
}

// refresh makes the faults of this instant the active ones, and forgets those
// that are over.
func (c *Chain) refresh(now time.Duration) {
	c.faults = slices.DeleteFunc(c.faults, func(f Fault) bool { return f.For > 0 && f.At+f.For <= now })
	c.active, c.edge = map[FaultKind][]Fault{}, never
	for _, f := range c.faults {
		if f.At > now {
			c.edge = min(c.edge, f.At)
			continue
		}
		c.active[f.Kind] = append(c.active[f.Kind], f)
		if f.For > 0 {
			c.edge = min(c.edge, f.At+f.For)
		}
	}
	c.afterFaults(now)
}

// afterFaults lets chips feel what changed.
func (c *Chain) afterFaults(now time.Duration) {
	for _, ch := range c.chips {
		ratio := 1.0
		if f := c.chipFault(SlowChip, ch.index); f != nil {
			ratio = f.Rate
		}
		if ratio != ch.ratio {
			ch.mhz, ch.nextMHz, ch.ratio = ch.mhz/ch.ratio*ratio, ch.nextMHz/ch.ratio*ratio, ratio
			ch.replan(now)
		}
	}
	c.powerCheck()
}

// fault is the active fault of a kind, or nil.
func (c *Chain) fault(k FaultKind) *Fault {
	if list := c.active[k]; len(list) > 0 {
		return &list[0]
	}
	return nil
}

// chipFault is the active fault of a kind that means the chip; domainFault the
// same of a domain.
func (c *Chain) chipFault(k FaultKind, chip int) *Fault {
	if len(c.active) == 0 {
		return nil
	}
	for i, f := range c.active[k] {
		if f.Chip == chip || f.Chip == -1 {
			return &c.active[k][i]
		}
	}
	return nil
}

func (c *Chain) domainFault(k FaultKind, domain int) *Fault { return c.chipFault(k, domain) }

// chance draws whether a fault of a kind strikes now.
func (c *Chain) chance(k FaultKind) bool {
	f := c.fault(k)
	return f != nil && c.rand.Float64() < f.Rate
}

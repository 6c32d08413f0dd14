package virtual

import (
	"fmt"
	"io"
	"math"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/drivers/a1"
	"github.com/lodefw/lode/drivers/bitfury"
	"github.com/lodefw/lode/tinytest/chipsim/spisim"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// SPI is a virtual chain of chips on SPI without its board, for programs elsewhere.
type SPI struct {
	// About says what they have to know of it.
	About string

	chain interface {
		Record(*spisim.Trace)
		Reports() []string
	}
	conn  spi.Conn
	lines spisim.Lines
}

// SPIModels are the chips that NewSPI knows.
func SPIModels() []string { return []string{"A1", "A1-be", "Bitfury"} }

// NewSPI makes a chain; no chips are as many as usual.
func NewSPI(model string, chips int, hashBudget float64, seed uint64) (*SPI, error) {
	if chips < 0 || chips > a1.MaxChips || hashBudget <= 0 {
		return nil, fmt.Errorf("virtual: %d chips on SPI and %v hashes per second, want 1 to %d, and some", chips, hashBudget, a1.MaxChips)
	}
	switch model {
	case "A1":
		return newA1(chips, hashBudget, seed, false)
	case "A1-be":
		return newA1(chips, hashBudget, seed, true)
	case "Bitfury":
		return newBitfury(chips, hashBudget, seed)
	}
	return nil, fmt.Errorf("virtual: no chip %q on SPI; there are %v", model, SPIModels())
}

// newA1 makes a chain that takes the difficulty of its jobs for one of silicon, as
// chains on UARTs do: its results need fewer zeros. In which order silicon reads
// the bytes of a midstate's words is not known, so there are both.
func newA1(chips int, budget float64, seed uint64, big bool) (_ *SPI, err error) {
	if chips == 0 {
		chips = a1Chips
	}
	rate := float64(chips) * a1.Cores * float64(a1.DefaultClock) / float64(physic.Hertz)
	ease := uint(max(0, min(31, math.Ceil(math.Log2(rate/budget)))))
	sim := spisim.NewA1(spisim.A1Config{Chips: chips, Scale: math.Exp2(float64(ease)), Ease: ease, BigWords: big, Timed: true, Seed: seed})
	s := &SPI{chain: sim, lines: spisim.Lines{Reset: sim.Reset()}}
	s.About = fmt.Sprintf("%d A1, %d zero bits for difficulty 1", chips, 32-ease)
	s.conn, err = a1.Connect(sim, 0)
	return s, err
}

// newBitfury makes a chain whose chips report twice a second.
func newBitfury(chips int, budget float64, seed uint64) (_ *SPI, err error) {
	if chips == 0 {
		chips = bitfuryChips
	}
	scale := bitfury.RateAt(bitfury.DefaultBits) * float64(chips) / budget
	target := bitcoin.RateTarget(budget, 120*float64(chips))
	sim := spisim.NewBitfury(spisim.BitfuryConfig{Chips: chips, Scale: scale, Target: target, NeedReset: true, Timed: true, Seed: seed})
	s := &SPI{chain: sim, lines: spisim.Lines{Toggle: sim.ResetLinks}}
	s.About = fmt.Sprintf("%d Bitfury; a hash for %.0f of theirs, target %v", chips, scale, target)
	s.conn, err = bitfury.Connect(sim, 0)
	return s, err
}

// Serve answers a host, as spisim.Serve.
func (s *SPI) Serve(stream io.ReadWriter) error { return spisim.Serve(stream, s.conn, s.lines) }

// Record puts every transfer into t from now on; nil ends it.
func (s *SPI) Record(t *spisim.Trace) { s.chain.Record(t) }

// Reports are what hosts did that no program should.
func (s *SPI) Reports() []string { return s.chain.Reports() }

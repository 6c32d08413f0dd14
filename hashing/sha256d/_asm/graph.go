package main

import (
	"fmt"
	"math/bits"
	"slices"
)

// Op is a function of FIPS 180-4, section 4.1.2, or addition: all that the
// graph is made of. How a processor does one is its emitter's business.
type Op uint8

const (
	Input       Op = iota // a word from outside, of no others
	Add                   // of two
	Ch                    // of three
	Maj                   // of three
	BigSigma0             // of one, and so are the rest
	BigSigma1             //
	SmallSigma0           //
	SmallSigma1           //
)

// When says when a word is known.
type When uint8

const (
	Generated When = iota // now: a constant
	Prepared              // once for a header and midstate, by Go code that we write
	Scanned               // for every nonce, by the kernel
)

// Word is a 32-bit value of the computation, and how it comes about.
type Word struct {
	When  When
	Value uint32 // if Generated
	Name  string // if Input
	Op    Op
	Args  []*Word
}

// Const is a word that is known now.
func Const(v uint32) *Word { return &Word{Value: v} }

// Graph is a computation: the words that are not constants, each after those
// that it is made of. Its methods compute now whatever can be, and gather what
// is known of a sum in one word, so that nothing else has to think of it.
type Graph struct {
	Words []*Word
	made  map[string]*Word // so that nothing is computed twice
}

// Input adds a word that comes from outside.
func (g *Graph) Input(name string, when When) *Word {
	return g.keep(&Word{When: when, Op: Input, Name: name})
}

// Inputs adds eight, such as a state.
func (g *Graph) Inputs(name string, when When) (s [8]*Word) {
	for i := range s {
		s[i] = g.Input(named(name, i), when)
	}
	return s
}

func (g *Graph) keep(w *Word) *Word {
	g.Words = append(g.Words, w)
	return w
}

// Apply is op of the arguments.
func (g *Graph) Apply(op Op, args ...*Word) *Word {
	w := &Word{Op: op, Args: args}
	for _, a := range args {
		w.When = max(w.When, a.When)
	}
	if w.When == Generated {
		return Const(w.eval(func(a *Word) uint32 { return a.Value }))
	}
	key := fmt.Sprint(op)
	for _, a := range args {
		if a.When == Generated {
			key += fmt.Sprintf(" %#x", a.Value)
		} else {
			key += fmt.Sprintf(" %p", a)
		}
	}
	if g.made == nil {
		g.made = map[string]*Word{}
	}
	if g.made[key] == nil {
		g.made[key] = g.keep(w)
	}
	return g.made[key]
}

// Add is the sum. Words that come late should be last: they are added last.
func (g *Graph) Add(words ...*Word) *Word {
	var scanned, known []*Word
	for _, w := range words {
		if w.When == Scanned {
			scanned = append(scanned, w)
		} else {
			known = append(known, w)
		}
	}
	// (x + known) + known is x + known.
	for i, w := range scanned {
		if len(known) > 0 && w.Op == Add && w.Args[1].When < Scanned {
			scanned[i] = w.Args[0]
			known = append(known, w.Args[1])
			break
		}
	}
	k := g.sumKnown(known)
	if len(scanned) == 0 {
		return k
	}
	sum := scanned[0]
	if k.When != Generated || k.Value != 0 {
		sum = g.Apply(Add, sum, k)
	}
	for _, w := range scanned[1:] {
		sum = g.Apply(Add, sum, w)
	}
	return sum
}

// sumKnown adds up with the constants last, so that the next sum finds them.
func (g *Graph) sumKnown(known []*Word) *Word {
	var sum *Word
	var constant uint32
	for _, w := range known {
		if w.When == Prepared && w.Op == Add && w.Args[1].When == Generated {
			constant += w.Args[1].Value
			w = w.Args[0]
		}
		switch {
		case w.When == Generated:
			constant += w.Value
		case sum == nil:
			sum = w
		default:
			sum = g.Apply(Add, sum, w)
		}
	}
	switch {
	case sum == nil:
		return Const(constant)
	case constant == 0:
		return sum
	}
	return g.Apply(Add, sum, Const(constant))
}

// Live returns the words that the results are made of, in the graph's order.
func (g *Graph) Live(results ...*Word) []*Word {
	needed := map[*Word]bool{}
	for _, r := range results {
		needed[r] = true
	}
	var live []*Word
	for i := len(g.Words) - 1; i >= 0; i-- {
		w := g.Words[i]
		if !needed[w] {
			continue
		}
		for _, a := range w.Args {
			needed[a] = true
		}
		live = append(live, w)
	}
	slices.Reverse(live)
	return live
}

// eval computes a word from its arguments' values: what every emitter must do,
// in Go.
func (w *Word) eval(value func(*Word) uint32) uint32 {
	var x [3]uint32
	for i, a := range w.Args {
		x[i] = value(a)
	}
	rotr := func(n int) uint32 { return bits.RotateLeft32(x[0], -n) }
	switch w.Op {
	case Add:
		return x[0] + x[1]
	case Ch:
		return x[0]&x[1] ^ ^x[0]&x[2]
	case Maj:
		return x[0]&x[1] ^ x[0]&x[2] ^ x[1]&x[2]
	}
	s := sigmas[w.Op]
	last := rotr(s.Third)
	if s.Shift {
		last = x[0] >> s.Third
	}
	return rotr(s.First) ^ rotr(s.Second) ^ last
}

// Sigma is a function of one word: the xor of two rotations to the right and,
// third, another one or a shift.
type Sigma struct {
	First, Second, Third int
	Shift                bool
}

// rotations are by how much it rotates.
func (s Sigma) rotations() []int {
	if s.Shift {
		return []int{s.First, s.Second}
	}
	return []int{s.First, s.Second, s.Third}
}

var sigmas = map[Op]Sigma{
	BigSigma0:   {First: 2, Second: 13, Third: 22},
	BigSigma1:   {First: 6, Second: 11, Third: 25},
	SmallSigma0: {First: 7, Second: 18, Third: 3, Shift: true},
	SmallSigma1: {First: 17, Second: 19, Third: 10, Shift: true},
}

// named is the name of an element.
func named(name string, i int) string { return fmt.Sprintf("%s[%d]", name, i) }

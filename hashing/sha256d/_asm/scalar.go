package main

import (
	"fmt"
	"slices"
)

// Scalar describes kernels that hash one nonce at a time, in the registers of a
// 32-bit processor. There is no load for free: what an instruction takes must be in
// a register, and there are few.
type Scalar struct {
	Processor
	Lower func(p *Program, w *Word, args []*Value) *Value
	Base  string // register that points to the memory
	Words string // register that points to a version's words
	// These print the ends of functions. The last word of the hash is in a register.
	One      func(a *Assembly, step []string, last string)
	Schedule func(a *Assembly, lines []string)
	Versions func(a *Assembly, step []string, last string, apart int)
}

func (v *Scalar) field(name string, i int) *Memory {
	return Memory{Base: v.Base, Field: "scalar_" + name}.At(4 * i)
}

// without is the same with a register less.
func (v *Scalar) without(register string) *Processor {
	p := v.Processor
	p.Registers = slices.DeleteFunc(slices.Clone(p.Registers), func(r string) bool { return r == register })
	return &p
}

// knownTable is what is known of the words that the scanned ones are made of.
// Constants are in it too: there is no shorter way to get one.
func knownTable(words []*Word) *Table {
	var t Table
	for _, w := range words {
		for _, a := range w.Args {
			if w.When == Scanned && a.When < Scanned {
				t.Need(a)
			}
		}
	}
	return &t
}

// program begins one whose known words are in a table at a place.
func (v *Scalar) program(t *Table, at Memory) *Program {
	return &Program{
		Lower: v.Lower,
		Known: func(w *Word) *Memory { return at.At(4 * t.Index(w)) },
	}
}

// generate emits the kernels and the Go code for their memory.
func (v *Scalar) generate(a *Assembly, src *Source) {
	whole, version := NewSearch(Whole), NewSearch(Schedule)
	spills := max(v.one(a, src, whole), v.schedule(a, src, whole), v.versions(a, src, version))
	src.Constant("scalarRows", len(whole.rows()))
	src.Constant("scalarSpills", spills)
}

func (v *Scalar) one(a *Assembly, src *Source, s *Search) (spills int) {
	live := s.Live(s.Last)
	known := knownTable(live)
	p := v.program(known, *v.field("known", 0))
	p.Set(input(live, "nonce"), &Value{Home: v.field("nonce", 0)})
	p.Run(live)
	code := v.Allocate(p.Code, p.Value(s.Last))
	v.One(a, code.Lines, code.Results[0])
	src.Prepare("prepareScalar", "scalarWords", &s.Graph, known)
	return code.Spills
}

// schedule makes the header's K + W for many midstates.
func (v *Scalar) schedule(a *Assembly, src *Source, s *Search) (spills int) {
	rows := s.rows()
	live := s.Live(rows...)
	known := knownTable(live)
	p := v.program(known, *v.field("scheduled", 0))
	p.Set(input(live, "nonce"), &Value{Home: v.field("nonce", 0)})
	for _, w := range live {
		p.Run([]*Word{w})
		if i := slices.Index(rows, w); i >= 0 {
			p.Store(Instruction{Name: "MOVW"}, p.Value(w), v.field("rows", i))
		}
	}
	code := v.Allocate(p.Code)
	v.Schedule(a, code.Lines)
	src.Prepare("prepareScalarRows", "scalarRowsWords", &s.Graph, known)
	return code.Spills
}

func (v *Scalar) versions(a *Assembly, src *Source, s *Search) (spills int) {
	live := s.Live(s.Last)
	known := knownTable(live)
	p := v.program(known, Memory{Base: v.Words})
	p.Set(input(live, "nonce"), &Value{Home: v.field("nonce", 0)})
	for i, kw := range s.inputs() {
		p.Set(kw, &Value{Home: v.field("rows", i)})
	}
	p.Run(live)
	code := v.without(v.Words).Allocate(p.Code, p.Value(s.Last))
	v.Versions(a, code.Lines, code.Results[0], 4*len(known.Words))
	src.Prepare("prepareScalarVersion", "scalarVersionWords", &s.Graph, known)
	return code.Spills
}

// sharedXor makes the xor of two words once: a^b of a majority is the next
// round's b^c.
func sharedXor(name string) func(p *Program, a, b *Value) *Value {
	made := map[[2]*Value]*Value{}
	return func(p *Program, a, b *Value) *Value {
		k := [2]*Value{a, b}
		if made[k] == nil {
			made[k] = p.Do(Instruction{Name: name, Commutes: true}, a, b)
		}
		return made[k]
	}
}

// loadStore prints what is alike on arm and mips.
func (v *Scalar) loadStore(registers []string) {
	v.Registers = registers
	v.Load = func(m *Memory, r string) string { return fmt.Sprintf("MOVW %s, %s", m, r) }
	v.Store = func(r string, m *Memory) string { return fmt.Sprintf("MOVW %s, %s", r, m) }
	v.Copy = func(from, to string) string { return fmt.Sprintf("MOVW %s, %s", from, to) }
	v.Spill = func(n int) *Memory { return v.field("spill", n) }
}

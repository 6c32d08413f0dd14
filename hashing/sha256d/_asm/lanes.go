package main

import (
	"fmt"
	"slices"
)

// Vector describes kernels that do the same in every lane of a wide register.
type Vector struct {
	Name  string // of the scan functions
	Lanes int
	Type  string // of the Go struct that is the kernel's memory
	Move  string // the instruction
	// Repeated says that known words are in memory once for each lane, for a
	// processor that cannot spread one word to all of them.
	Repeated bool
	// Clean is for the end.
	Clean []string
	Processor
	Lower func(p *Program, w *Word, args []*Value) *Value
	// Swap reverses the bytes of each word.
	Swap func(p *Program, x *Value) *Value
	// Check compares a register with the limit and leaves the lanes in BX.
	Check func(register string) []string
}

// field is a field of the kernel's memory; a row is a word for every lane.
func (v *Vector) field(name string) Memory { return Memory{Base: memory, Field: v.Type + "_" + name} }

func (v *Vector) row(name string, i int) *Memory { return v.field(name).At(4 * v.Lanes * i) }

func (v *Vector) processor(prefix string, registers int, print func(*Instruction, *Operands) []string) Processor {
	p := Processor{
		Load: func(m *Memory, r string) string {
			if m.One {
				return fmt.Sprintf("VPBROADCASTD %s, %s", m, r)
			}
			return fmt.Sprintf("%s %s, %s", v.Move, m, r)
		},
		Store: func(r string, m *Memory) string { return fmt.Sprintf("%s %s, %s", v.Move, r, m) },
		Copy:  func(from, to string) string { return fmt.Sprintf("%s %s, %s", v.Move, from, to) },
		Print: print,
		Spill: func(n int) *Memory { return v.row("spill", n) },
	}
	for i := range registers {
		p.Registers = append(p.Registers, fmt.Sprintf("%s%d", prefix, i))
	}
	return p
}

// at is where the kernel finds known words, if the table of prepared ones is there.
func (v *Vector) at(k *Known, prepared Memory) func(w *Word) *Memory {
	constants, size := constants, 4
	constants.One, prepared.One = !v.Repeated, !v.Repeated
	if v.Repeated {
		size *= v.Lanes
	}
	return k.In(size, constants, prepared)
}

// nonces appends the words of this step's nonces, and advances to the next's.
func (v *Vector) nonces(p *Program) *Value {
	next := &Value{Home: v.row("nonces", 0)}
	nonce := v.Swap(p, next)
	v.store(p, v.Lower(p, &Word{Op: Add}, []*Value{next, {Home: v.row("step", 0)}}), v.row("nonces", 0))
	return nonce
}

func (v *Vector) store(p *Program, x *Value, m *Memory) {
	p.Store(Instruction{Name: v.Move}, x, m)
}

// one emits the kernel that does everything for each midstate.
func (v *Vector) one(a *Assembly, s *Search, k *Known) (spills int) {
	p := &Program{Known: v.at(k, prepared), Lower: v.Lower}
	live := s.Live(s.Last)
	p.Set(input(live, "nonce"), v.nonces(p))
	p.Run(live)
	code := v.Allocate(p.Code, p.Value(s.Last))
	a.Function(fmt.Sprintf("%d lanes.", v.Lanes), "scan"+v.Name, arguments)
	enter(a)
	each(a, append(code.Lines, v.Check(code.Results[0])...), 0, v.Clean...)
	return code.Spills
}

// versions emits the kernel that makes a schedule once for all midstates.
func (v *Vector) versions(a *Assembly, whole *Search, wholeKnown *Known, s *Search, k *Known) (spills int) {
	schedule := v.schedule(whole, wholeKnown)
	p := &Program{Known: v.at(k, prepared), Lower: v.Lower}
	live := s.Live(s.Last)
	p.Set(input(live, "nonce"), &Value{Home: v.row("nonce", 0)})
	row := 0
	for t, kw := range s.Header.KW {
		if kw.Op == Input && t >= 16 {
			p.Set(kw, &Value{Home: v.row("rows", row)})
			row++
		}
	}
	p.Run(live)
	code := v.Allocate(p.Code, p.Value(s.Last))
	a.Function(fmt.Sprintf("%d lanes, one message schedule for many midstates.", v.Lanes), "scan"+v.Name+"Versions", arguments)
	enter(a)
	step := append(code.Lines, v.Check(code.Results[0])...)
	eachVersion(a, schedule.Lines, step, 4*len(k.Prepared.Words), v.Clean...)
	return max(schedule.Spills, code.Spills)
}

// schedule makes the lines that put the rows of a batch into memory.
func (v *Vector) schedule(s *Search, k *Known) *Code {
	p := &Program{Known: v.at(k, v.field("known")), Lower: v.Lower}
	rows := s.rows()
	live := s.Live(rows...)
	nonce := v.nonces(p)
	v.store(p, nonce, v.row("nonce", 0))
	p.Set(input(live, "nonce"), nonce)
	for _, w := range live {
		p.Run([]*Word{w})
		if i := slices.Index(rows, w); i >= 0 {
			v.store(p, p.Value(w), v.row("rows", i))
		}
	}
	return v.Allocate(p.Code)
}

func input(words []*Word, name string) *Word {
	for _, w := range words {
		if w.Op == Input && w.Name == name {
			return w
		}
	}
	panic("no input " + name)
}

// printThree prints name, number if any, sources from last to first, result.
func printThree(in *Instruction, o *Operands) []string {
	last := o.Sources[len(o.Sources)-1]
	if in.Name == "VPSHUFD.Z" { // the lanes that are not in K2 become zero
		return []string{fmt.Sprintf("VPSHUFD.Z $%#x, %s, K2, %s", in.Number, last, o.Result)}
	}
	text := in.Name + broadcast(last) + " "
	if in.Number != 0 {
		text += fmt.Sprintf("$%d, ", in.Number)
	}
	if in.Place != nil {
		return []string{text + fmt.Sprintf("%s, %s", last, in.Place)}
	}
	for _, s := range slices.Backward(o.Sources) {
		text += s.String() + ", "
	}
	return []string{text + o.Result}
}

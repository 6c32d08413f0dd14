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
	Processor
	Lower func(p *Program, w *Word, args []*Value) *Value
	// Check compares a register with the limit and leaves the lanes in BX.
	Check func(register string) []string
}

// field is a field of the kernel's memory; a row is a word for every lane.
func (v *Vector) field(name string) Memory { return Memory{Base: memory, Field: v.Type + "_" + name} }

func (v *Vector) row(name string, i int) *Memory { return v.field(name).At(4 * v.Lanes * i) }

// avx512 has rotations, and any function of three operands in one instruction.
func avx512() *Vector {
	v := &Vector{Name: "AVX512", Lanes: 16, Type: "lanes512", Move: "VMOVDQA64", Lower: lowerAVX512}
	v.Processor = v.processor("Z", 32, printAVX512)
	v.FromMemory = func(*Instruction, *Memory) bool { return true }
	v.Check = func(r string) []string {
		return []string{
			fmt.Sprintf("VPSHUFB %s, %s, %s", v.row("swap", 0), r, r),
			fmt.Sprintf("VPCMPUD $2, %s, %s, K1", v.row("top", 0), r), // at or below
			"KMOVW K1, BX",
		}
	}
	return v
}

// avx2 has half the lanes, half the registers and neither.
func avx2() *Vector {
	shared := map[[2]*Value]*Value{}
	v := &Vector{Name: "AVX2", Lanes: 8, Type: "lanes256", Move: "VMOVDQA"}
	v.Lower = func(p *Program, w *Word, args []*Value) *Value { return lowerAVX2(p, w, args, shared) }
	v.Processor = v.processor("Y", 16, printThree)
	v.FromMemory = func(in *Instruction, m *Memory) bool { return in.Number == 0 && !m.One }
	v.Check = func(r string) []string {
		return []string{
			fmt.Sprintf("VPSHUFB %s, %s, %s", v.row("swap", 0), r, r),
			// At or below is equal to the lesser.
			fmt.Sprintf("VPMINUD %s, %s, Y15", v.row("top", 0), r),
			fmt.Sprintf("VPCMPEQD %s, Y15, %s", r, r),
			fmt.Sprintf("VMOVMSKPS %s, BX", r),
		}
	}
	return v
}

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

func lowerAVX512(p *Program, w *Word, x []*Value) *Value {
	rotate := func(n int) *Value { return p.Do(Instruction{Name: "VPRORD", Number: n}, x[0]) }
	ternary := func(op Op, x ...*Value) *Value {
		return p.Do(Instruction{Name: "VPTERNLOGD", Number: int(op), Destroys: true, Commutes: true}, x...)
	}
	switch w.Op {
	case Add:
		return p.Do(Instruction{Name: "VPADDD", Commutes: true}, x...)
	case Ch, Maj:
		return ternary(w.Op, x...)
	}
	s := sigmas[w.Op]
	first, second := rotate(s.First), rotate(s.Second)
	if s.Shift {
		return ternary(xor3, first, second, p.Do(Instruction{Name: "VPSRLD", Number: s.Third}, x[0]))
	}
	return ternary(xor3, first, second, rotate(s.Third))
}

// xor3 stands for the xor of three words where an Op is wanted.
const xor3 Op = 255

// printAVX512 prints what has two or three operands as they come, and makes the
// truth table of a VPTERNLOGD for the order that its operands have got.
func printAVX512(in *Instruction, o *Operands) []string {
	if in.Name != "VPTERNLOGD" {
		return printThree(in, o)
	}
	table := 0
	for i := range 8 {
		var x [3]uint32
		for j, n := range o.Order {
			x[n] = -(uint32(i) >> (2 - j) & 1)
		}
		value := x[0] ^ x[1] ^ x[2]
		if op := Op(in.Number); op != xor3 {
			w := Word{Op: op, Args: []*Word{Const(x[0]), Const(x[1]), Const(x[2])}}
			value = w.eval(func(w *Word) uint32 { return w.Value })
		}
		table |= int(value&1) << i
	}
	return []string{fmt.Sprintf("VPTERNLOGD%s $0x%02x, %s, %s, %s", broadcast(o.Sources[2]), table, o.Sources[2], o.Sources[1], o.Sources[0])}
}

// broadcast is the suffix for an operand in memory that is one word for all lanes.
func broadcast(o Operand) string {
	if o.Memory != nil && o.Memory.One {
		return ".BCST"
	}
	return ""
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

func lowerAVX2(p *Program, w *Word, x []*Value, shared map[[2]*Value]*Value) *Value {
	two := func(name string, a, b *Value) *Value { return p.Do(Instruction{Name: name, Commutes: true}, a, b) }
	switch w.Op {
	case Add:
		return two("VPADDD", x[0], x[1])
	case Ch: // e chooses between f and g: the late e comes last
		return two("VPXOR", two("VPAND", two("VPXOR", x[1], x[2]), x[0]), x[2])
	case Maj: // a^b is the next round's b^c
		xor := func(a, b *Value) *Value {
			if shared[[2]*Value{a, b}] == nil {
				shared[[2]*Value{a, b}] = two("VPXOR", a, b)
			}
			return shared[[2]*Value{a, b}]
		}
		bc := xor(x[1], x[2])
		return two("VPXOR", two("VPAND", xor(x[0], x[1]), bc), x[1])
	}
	s := sigmas[w.Op]
	parts := []*Value{}
	for _, n := range []int{s.First, s.Second} {
		parts = append(parts, p.Do(Instruction{Name: "VPSRLD", Number: n}, x[0]), p.Do(Instruction{Name: "VPSLLD", Number: 32 - n}, x[0]))
	}
	parts = append(parts, p.Do(Instruction{Name: "VPSRLD", Number: s.Third}, x[0]))
	if !s.Shift {
		parts = append(parts, p.Do(Instruction{Name: "VPSLLD", Number: 32 - s.Third}, x[0]))
	}
	sum := parts[0]
	for _, part := range parts[1:] {
		sum = two("VPXOR", sum, part)
	}
	return sum
}

// nonces appends the words of this step's nonces, and advances to the next's.
func (v *Vector) nonces(p *Program) *Value {
	next := &Value{Home: v.row("nonces", 0)}
	nonce := p.Do(Instruction{Name: "VPSHUFB"}, next, &Value{Home: v.row("swap", 0)})
	v.store(p, p.Do(Instruction{Name: "VPADDD"}, next, &Value{Home: v.row("step", 0)}), v.row("nonces", 0))
	return nonce
}

func (v *Vector) store(p *Program, x *Value, m *Memory) {
	p.Store(Instruction{Name: v.Move}, x, m)
}

// one emits the kernel that does everything for each midstate.
func (v *Vector) one(a *Assembly, s *Search, k *Known) (spills int) {
	p := &Program{Known: k.In(constants, prepared), Lower: v.Lower}
	live := s.Live(s.Last)
	p.Set(input(live, "nonce"), v.nonces(p))
	p.Run(live)
	code := v.Allocate(p.Code, p.Value(s.Last))
	a.Function(fmt.Sprintf("%d lanes.", v.Lanes), "scan"+v.Name, arguments)
	enter(a)
	each(a, append(code.Lines, v.Check(code.Results[0])...), 0, "VZEROUPPER")
	return code.Spills
}

// versions emits the kernel that makes a schedule once for all midstates.
func (v *Vector) versions(a *Assembly, whole *Search, wholeKnown *Known, s *Search, k *Known) (spills int) {
	schedule := v.schedule(whole, wholeKnown)
	p := &Program{Known: k.In(constants, prepared), Lower: v.Lower}
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
	eachVersion(a, schedule.Lines, step, 4*len(k.Prepared.Words))
	return max(schedule.Spills, code.Spills)
}

// schedule makes the lines that put the rows of a batch into memory.
func (v *Vector) schedule(s *Search, k *Known) *Code {
	known := v.field("known")
	known.One = true
	p := &Program{Known: k.In(constants, known), Lower: v.Lower}
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

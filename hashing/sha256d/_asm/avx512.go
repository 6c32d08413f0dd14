package main

import (
	"fmt"
)

// avx512 has rotations, and any function of three operands in one instruction.
func avx512() *Vector {
	v := &Vector{Name: "AVX512", Lanes: 16, Type: "lanes512", Move: "VMOVDQA64", Lower: lowerAVX512, Clean: []string{"VZEROUPPER"}}
	v.Processor = v.processor("Z", 32, printAVX512)
	v.FromMemory = func(*Instruction, *Memory) bool { return true }
	v.Swap = func(p *Program, x *Value) *Value {
		return p.Do(Instruction{Name: "VPSHUFB"}, x, &Value{Home: v.row("swap", 0)})
	}
	v.Check = func(r string) []string {
		return []string{
			fmt.Sprintf("VPSHUFB %s, %s, %s", v.row("swap", 0), r, r),
			fmt.Sprintf("VPCMPUD $2, %s, %s, K1", v.row("top", 0), r), // at or below
			"KMOVW K1, BX",
		}
	}
	return v
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

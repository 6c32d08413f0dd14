package main

import (
	"fmt"
	"slices"
)

// avx2 has half the lanes, half the registers and no rotations.
func avx2() *Vector {
	v := &Vector{Name: "AVX2", Lanes: 8, Type: "lanes256", Move: "VMOVDQA", Clean: []string{"VZEROUPPER"}}
	simple := Simple{Add: "VPADDD", And: "VPAND", Xor: "VPXOR", Left: "VPSLLD", Right: "VPSRLD"}
	v.Lower = simple.lower
	v.Processor = v.processor("Y", 16, printThree)
	v.FromMemory = func(in *Instruction, m *Memory) bool { return in.Number == 0 && !m.One }
	v.Swap = func(p *Program, x *Value) *Value {
		return p.Do(Instruction{Name: "VPSHUFB"}, x, &Value{Home: v.row("swap", 0)})
	}
	v.Check = func(r string) []string {
		lesser := otherThan(r, v.Registers)
		return []string{
			fmt.Sprintf("VPSHUFB %s, %s, %s", v.row("swap", 0), r, r),
			// At or below is equal to the lesser.
			fmt.Sprintf("VPMINUD %s, %s, %s", v.row("top", 0), r, lesser),
			fmt.Sprintf("VPCMPEQD %s, %s, %s", lesser, r, r),
			fmt.Sprintf("VMOVMSKPS %s, BX", r),
		}
	}
	return v
}

// otherThan is a register that is not r.
func otherThan(r string, registers []string) string {
	return registers[(slices.Index(registers, r)+1)%len(registers)]
}

// Simple lowers words for processors with two-operand logic and shifts only. The
// names are those of their instructions.
type Simple struct {
	Add, And, Xor, Left, Right string
	// Destroys is set where the result takes the place of the first operand.
	Destroys bool

	xors map[[2]*Value]*Value // made already
}

func (s *Simple) two(p *Program, name string, a, b *Value) *Value {
	return p.Do(Instruction{Name: name, Destroys: s.Destroys, Commutes: true}, a, b)
}

func (s *Simple) shift(p *Program, name string, n int, x *Value) *Value {
	return p.Do(Instruction{Name: name, Number: n, Destroys: s.Destroys}, x)
}

func (s *Simple) lower(p *Program, w *Word, x []*Value) *Value {
	switch w.Op {
	case Add:
		return s.two(p, s.Add, x[0], x[1])
	case Ch: // e chooses between f and g; it is the last to be known
		return s.two(p, s.Xor, s.two(p, s.And, s.two(p, s.Xor, x[1], x[2]), x[0]), x[2])
	case Maj:
		bc := s.xor(p, x[1], x[2])
		return s.two(p, s.Xor, s.two(p, s.And, s.xor(p, x[0], x[1]), bc), x[1])
	}
	sigma := sigmas[w.Op]
	sum := s.shift(p, s.Right, sigma.Third, x[0])
	for _, n := range sigma.rotations() {
		if n != sigma.Third {
			sum = s.two(p, s.Xor, sum, s.shift(p, s.Right, n, x[0]))
		}
		sum = s.two(p, s.Xor, sum, s.shift(p, s.Left, 32-n, x[0]))
	}
	return sum
}

// xor keeps what it makes: a^b of a majority is b^c of the next round's.
func (s *Simple) xor(p *Program, a, b *Value) *Value {
	if s.xors == nil {
		s.xors = map[[2]*Value]*Value{}
	}
	key := [2]*Value{a, b}
	if s.xors[key] == nil {
		s.xors[key] = s.two(p, s.Xor, a, b)
	}
	return s.xors[key]
}

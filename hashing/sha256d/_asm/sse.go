package main

import "fmt"

// sse has four lanes, half the registers of AVX2's and instructions that destroy
// an operand. It is for processors without AVX2 and the SHA extensions.
func sse() *Vector {
	v := &Vector{Name: "SSE", Lanes: 4, Type: "lanes128", Move: "MOVO", Repeated: true}
	simple := Simple{Add: "PADDL", And: "PAND", Xor: "PXOR", Left: "PSLLL", Right: "PSRLL", Destroys: true}
	v.Lower = simple.lower
	v.Processor = v.processor("X", 16, printTwo)
	v.FromMemory = func(in *Instruction, _ *Memory) bool { return len(in.Sources) == 2 }
	v.Swap = func(p *Program, x *Value) *Value {
		return p.Do(Instruction{Name: "PSHUFB", Destroys: true}, x, &Value{Home: v.row("swap", 0)})
	}
	v.Check = func(r string) []string {
		lesser := otherThan(r, v.Registers)
		return []string{
			fmt.Sprintf("PSHUFB %s, %s", v.row("swap", 0), r),
			fmt.Sprintf("MOVO %s, %s", r, lesser),
			fmt.Sprintf("PMINUD %s, %s", v.row("top", 0), lesser),
			fmt.Sprintf("PCMPEQL %s, %s", lesser, r), // at or below is equal to the lesser
			fmt.Sprintf("MOVMSKPS %s, BX", r),
		}
	}
	return v
}

// printTwo prints instructions whose first operand is also the result.
func printTwo(in *Instruction, o *Operands) []string {
	switch {
	case in.Place != nil:
		return []string{fmt.Sprintf("%s %s, %s", in.Name, o.Sources[0], in.Place)}
	case !in.Destroys:
		return []string{fmt.Sprintf("%s %s%s, %s", in.Name, immediate(in), o.Sources[0], o.Result)}
	case len(o.Sources) == 1:
		return []string{fmt.Sprintf("%s %s%s", in.Name, immediate(in), o.Sources[0])}
	}
	return []string{fmt.Sprintf("%s %s%s, %s", in.Name, immediate(in), o.Sources[1], o.Sources[0])}
}

// immediate is the operand that is a number, if the instruction has one.
func immediate(in *Instruction) string {
	if in.Number != 0 || in.Name == "PSHUFD" {
		return fmt.Sprintf("$%#x, ", in.Number)
	}
	return ""
}

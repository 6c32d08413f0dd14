package main

import (
	"fmt"
)

// The kernel for mips is for release 2 of the 32-bit architecture, which brought the
// rotation and WSBH, the swap of bytes in halfwords. It is the same for both byte
// orders: words are numbers in registers, and tables are in the processor's order.
type mipsScalar struct {
	Scalar
	xor func(p *Program, a, b *Value) *Value
}

func newMIPSScalar() *mipsScalar {
	v := &mipsScalar{xor: sharedXor("XOR")}
	v.Scalar = Scalar{Base: "R22", Words: "R25", Lower: v.lower}
	// R0 is zero, R26 and R27 the system's, R28 the static base, R29 the stack
	// pointer, R30 g, R31 the return address. R23 is the assembler's, for offsets
	// and constants of more than 16 bits: there are none here.
	for i := 1; i < 26; i++ {
		if i != 22 {
			v.Registers = append(v.Registers, fmt.Sprintf("R%d", i))
		}
	}
	v.loadStore(v.Registers)
	v.Print = printMIPS
	v.One, v.Schedule, v.Versions = oneMIPS, scheduleMIPS, versionsMIPS
	return v
}

func (v *mipsScalar) lower(p *Program, w *Word, x []*Value) *Value {
	two := func(name string, a, b *Value) *Value { return p.Do(Instruction{Name: name, Commutes: true}, a, b) }
	shift := func(name string, n int) *Value { return p.Do(Instruction{Name: name, Number: n}, x[0]) }
	switch w.Op {
	case Add:
		return two("ADDU", x[0], x[1])
	case Ch:
		return two("XOR", two("AND", two("XOR", x[1], x[2]), x[0]), x[2])
	case Maj:
		bc := v.xor(p, x[1], x[2])
		return two("XOR", two("AND", v.xor(p, x[0], x[1]), bc), x[1])
	}
	s := sigmas[w.Op]
	third := "ROTR"
	if s.Shift {
		third = "SRL"
	}
	return two("XOR", two("XOR", shift("ROTR", s.First), shift("ROTR", s.Second)), shift(third, s.Third))
}

func printMIPS(in *Instruction, o *Operands) []string {
	switch {
	case in.Place != nil:
		return []string{fmt.Sprintf("MOVW %s, %s", o.Sources[0], in.Place)}
	case in.Number != 0:
		return []string{fmt.Sprintf("%s $%d, %s, %s", in.Name, in.Number, o.Sources[0], o.Result)}
	}
	return []string{fmt.Sprintf("%s %s, %s, %s", in.Name, o.Sources[1], o.Sources[0], o.Result)}
}

// checkMIPS swaps the bytes of the word and goes to next if it is above the limit.
func checkMIPS(last string) []string {
	return []string{
		fmt.Sprintf("WSBH %s, R1", last),
		"ROTR $16, R1, R1",
		"MOVW scalar_top(R22), R2",
		"SGTU R1, R2, R1", // 1 if above
		"BEQ R1, R0, hit",
	}
}

// oneMIPS repeats a step until the nonce is the last, or there is no room.
func oneMIPS(a *Assembly, step []string, last string) {
	a.Function("One nonce at a time.", "scanScalar", 16)
	a.Lines("MOVW m+0(FP), R22", "MOVW R0, scalar_found(R22)")
	a.Label("step")
	a.Lines(step...)
	a.Lines(checkMIPS(last)...)
	a.Label("next")
	a.Lines(
		"MOVW scalar_nonce(R22), R1",
		"MOVW $0x01000000, R2",
		"ADDU R2, R1",
		"MOVW R1, scalar_nonce(R22)",
		"MOVW scalar_end(R22), R2",
		"BNE R1, R2, step",
	)
	a.Label("end")
	a.Lines("MOVW scalar_found(R22), R1", "MOVW R1, found+12(FP)", "RET")
	a.Label("hit")
	a.Lines(recordMIPS("nonce", "records+4(FP)")...)
	a.Lines(
		"MOVW room+8(FP), R2",
		"BNE R1, R2, next",
		"MOVW $0x01000000, R2",
		"ADDU R2, R3",
		"MOVW R3, scalar_nonce(R22)",
		"JMP end",
	)
}

// recordMIPS writes a record, with a field of the memory for its step, and leaves
// the number of records in R1 and the step in R3.
func recordMIPS(step, records string) []string {
	return []string{
		"MOVW scalar_found(R22), R1",
		fmt.Sprintf("MOVW %s, R2", records),
		"SLL $3, R1, R3",
		"ADDU R3, R2",
		fmt.Sprintf("MOVW scalar_%s(R22), R3", step),
		"MOVW R3, record_step(R2)",
		"MOVW $1, R4",
		"MOVW R4, record_lanes(R2)",
		"ADDU $1, R1",
		"MOVW R1, scalar_found(R22)",
	}
}

func scheduleMIPS(a *Assembly, lines []string) {
	a.Function("Makes the message schedule of a nonce.", "scheduleScalar", 4)
	a.Lines("MOVW m+0(FP), R22")
	a.Lines(lines...)
	a.Lines("RET")
}

// versionsMIPS repeats a step for every version.
func versionsMIPS(a *Assembly, step []string, last string, apart int) {
	a.Function("One nonce, with many midstates under the schedule that is made.", "scanScalarVersions", 20)
	a.Lines(
		"MOVW m+0(FP), R22",
		"MOVW words+4(FP), R25",
		"MOVW R0, scalar_found(R22)",
		"MOVW R0, scalar_version(R22)",
	)
	a.Label("step")
	a.Lines(step...)
	a.Lines(checkMIPS(last)...)
	a.Label("next")
	a.Lines(
		fmt.Sprintf("ADDU $%d, R25", apart),
		"MOVW scalar_version(R22), R1",
		"ADDU $1, R1",
		"MOVW R1, scalar_version(R22)",
		"MOVW versions+8(FP), R2",
		"BNE R1, R2, step",
		"MOVW scalar_found(R22), R1",
		"MOVW R1, found+16(FP)",
		"RET",
	)
	a.Label("hit")
	a.Lines(recordMIPS("version", "records+12(FP)")...)
	a.Lines("JMP next")
}

func generateMIPS(dir string) error {
	const constraint = "(mips || mipsle) && !purego"
	src := NewSource(constraint)
	a := NewAssembly(constraint)
	newMIPSScalar().generate(a, src)
	if err := a.Write(dir, "scalar_mipsx.s"); err != nil {
		return err
	}
	return src.Write(dir, "prepare_mipsx.go")
}

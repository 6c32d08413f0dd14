package main

import "fmt"

// The scalar kernel for arm rotates for nothing: the last operand of an instruction
// may be rotated or shifted. A big sigma needs two instructions,
//
//	rotr(a) ^ rotr(b) ^ rotr(c) = rotr(a) of (x ^ rotr(b-a) ^ rotr(c-a))
//
// because it is always added to something, and that addition does the outer
// rotation. It uses what ARMv5 has; REV came later.
type armScalar struct {
	Scalar
	rotated map[*Value]rotated // values that no instruction has made: of sums only
	xor     func(p *Program, a, b *Value) *Value
}

type rotated struct {
	of *Value
	by int
}

func newARMScalar() *armScalar {
	v := &armScalar{rotated: map[*Value]rotated{}, xor: sharedXor("EOR")}
	v.Scalar = Scalar{Base: "R12", Words: "R11", Lower: v.lower}
	// R10 is g, R13 the stack pointer. R14 is saved by the assembler.
	v.loadStore([]string{"R0", "R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9", "R11", "R14"})
	v.Print = printARM
	v.One, v.Schedule, v.Versions = oneARM, scheduleARM, versionsARM
	return v
}

func (v *armScalar) lower(p *Program, w *Word, x []*Value) *Value {
	switch w.Op {
	case Add:
		return v.add(p, x[0], x[1])
	case Ch:
		fg := p.Do(Instruction{Name: "EOR", Commutes: true}, x[1], x[2])
		return p.Do(Instruction{Name: "EOR", Commutes: true}, p.Do(Instruction{Name: "AND", Commutes: true}, fg, x[0]), x[2])
	case Maj:
		bc := v.xor(p, x[1], x[2])
		both := p.Do(Instruction{Name: "AND", Commutes: true}, v.xor(p, x[0], x[1]), bc)
		return p.Do(Instruction{Name: "EOR", Commutes: true}, both, x[1])
	}
	s := sigmas[w.Op]
	inner := p.Do(Instruction{Name: "EOR", Number: s.Second - s.First}, x[0], x[0])
	if s.Shift {
		shifted := p.Do(Instruction{Name: "SHIFT", Number: s.Third}, x[0])
		return p.Do(Instruction{Name: "EOR", Number: s.First}, shifted, inner)
	}
	inner = p.Do(Instruction{Name: "EOR", Number: s.Third - s.First}, inner, x[0])
	value := &Value{}
	v.rotated[value] = rotated{inner, s.First}
	return value
}

func (v *armScalar) add(p *Program, a, b *Value) *Value {
	if _, ok := v.rotated[a]; ok {
		a, b = b, a
	}
	if r, ok := v.rotated[b]; ok {
		return p.Do(Instruction{Name: "ADD", Number: r.by}, a, r.of)
	}
	return p.Do(Instruction{Name: "ADD", Commutes: true}, a, b)
}

// printARM prints an instruction whose last source is rotated by a number.
func printARM(in *Instruction, o *Operands) []string {
	last := o.Sources[len(o.Sources)-1].String()
	switch {
	case in.Place != nil:
		return []string{fmt.Sprintf("MOVW %s, %s", last, in.Place)}
	case in.Name == "SHIFT":
		return []string{fmt.Sprintf("MOVW %s>>%d, %s", last, in.Number, o.Result)}
	case in.Number != 0:
		last += fmt.Sprintf("@>%d", in.Number)
	}
	return []string{fmt.Sprintf("%s %s, %s, %s", in.Name, last, o.Sources[0], o.Result)}
}

// spare are n registers that are not this one.
func spare(register string, n int) (others []string) {
	for i := 0; len(others) < n; i++ {
		if r := fmt.Sprintf("R%d", i+1); r != register {
			others = append(others, r)
		}
	}
	return others
}

// A check is in two parts. The hash's top byte is the word's low one, so the word
// shifted left is at most the top word: if that is above the limit all is done. The
// other part swaps the bytes.
func checkARM(last string) []string {
	top := spare(last, 1)[0]
	return []string{
		fmt.Sprintf("MOVW scalar_top(R12), %s", top),
		fmt.Sprintf("CMP %s<<24, %s", last, top),
		"BHS maybe",
	}
}

// maybeARM goes to next if there is no hit after all.
func maybeARM(a *Assembly, last string) {
	x := spare(last, 3)
	a.Label("maybe")
	a.Lines(
		fmt.Sprintf("EOR %s@>16, %s, %s", last, last, x[1]),
		fmt.Sprintf("BIC $0xff0000, %s", x[1]),
		fmt.Sprintf("MOVW %s@>8, %s", last, x[2]),
		fmt.Sprintf("EOR %s>>8, %s, %s", x[1], x[2], x[2]),
		fmt.Sprintf("CMP %s, %s", x[2], x[0]),
		"BLO next",
	)
}

// oneARM repeats a step until the nonce is the last, or there is no room.
func oneARM(a *Assembly, step []string, last string) {
	a.FrameFunction("One nonce at a time.", "scanScalar", 16, 4)
	a.Lines("MOVW m+0(FP), R12", "MOVW $0, R0", "MOVW R0, scalar_found(R12)")
	a.Label("step")
	a.Lines(step...)
	a.Lines(checkARM(last)...)
	a.Label("next")
	a.Lines(
		"MOVW scalar_nonce(R12), R0",
		"ADD $0x01000000, R0",
		"MOVW R0, scalar_nonce(R12)",
		"MOVW scalar_end(R12), R1",
		"CMP R0, R1",
		"BNE step",
	)
	a.Label("end")
	a.Lines("MOVW scalar_found(R12), R0", "MOVW R0, found+12(FP)", "RET")
	maybeARM(a, last)
	a.Lines(
		"MOVW scalar_found(R12), R0",
		"MOVW records+4(FP), R1",
		"ADD R0<<3, R1",
		"MOVW scalar_nonce(R12), R2",
		"MOVW R2, record_step(R1)",
		"MOVW $1, R3",
		"MOVW R3, record_lanes(R1)",
		"ADD $1, R0",
		"MOVW R0, scalar_found(R12)",
		"MOVW room+8(FP), R1",
		"CMP R1, R0",
		"BLT next",
		"ADD $0x01000000, R2",
		"MOVW R2, scalar_nonce(R12)",
		"B end",
	)
}

func scheduleARM(a *Assembly, lines []string) {
	a.FrameFunction("Makes the message schedule of a nonce.", "scheduleScalar", 4, 4)
	a.Lines("MOVW m+0(FP), R12")
	a.Lines(lines...)
	a.Lines("RET")
}

// versionsARM repeats a step for every version.
func versionsARM(a *Assembly, step []string, last string, apart int) {
	a.FrameFunction("One nonce, with many midstates under the schedule that is made.", "scanScalarVersions", 20, 4)
	a.Lines(
		"MOVW m+0(FP), R12",
		"MOVW words+4(FP), R11",
		"MOVW $0, R0",
		"MOVW R0, scalar_found(R12)",
		"MOVW R0, scalar_version(R12)",
	)
	a.Label("step")
	a.Lines(step...)
	a.Lines(checkARM(last)...)
	a.Label("next")
	a.Lines(
		fmt.Sprintf("ADD $%d, R11", apart),
		"MOVW scalar_version(R12), R0",
		"ADD $1, R0",
		"MOVW R0, scalar_version(R12)",
		"MOVW versions+8(FP), R1",
		"CMP R0, R1",
		"BNE step",
		"MOVW scalar_found(R12), R0",
		"MOVW R0, found+16(FP)",
		"RET",
	)
	maybeARM(a, last)
	a.Lines(
		"MOVW scalar_found(R12), R0",
		"MOVW records+12(FP), R1",
		"ADD R0<<3, R1",
		"MOVW scalar_version(R12), R2",
		"MOVW R2, record_step(R1)",
		"MOVW $1, R3",
		"MOVW R3, record_lanes(R1)",
		"ADD $1, R0",
		"MOVW R0, scalar_found(R12)",
		"B next",
	)
}

func generateARM(dir string) error {
	const constraint = "arm && !purego"
	src := NewSource(constraint)
	a := NewAssembly(constraint)
	newARMScalar().generate(a, src)
	if err := a.Write(dir, "scalar_arm.s"); err != nil {
		return err
	}
	a = NewAssembly(constraint)
	newARMNEON().generate(a, src)
	if err := a.Write(dir, "neon_arm.s"); err != nil {
		return err
	}
	return src.Write(dir, "prepare_arm.go")
}

package main

import (
	"fmt"
	"slices"
)

// What arm64 kernels have in common: where arguments are, and the loop around a
// step, as in amd64.go.
//
//	R0  the kernel's memory            R4  records for hits
//	R1  table of prepared words        R5  how many records fit
//	R2  table of constants             R6  records written
//	R3  steps (or batches) to do       R7  steps done
//	R8  versions left                  R9  lanes that hit, one bit each
//
// R10 and above are free.

// enter64 reads the arguments.
func enter64(a *Assembly) {
	a.Lines(
		"MOVD m+0(FP), R0",
		"MOVD steps+24(FP), R3",
		"MOVD records+32(FP), R4",
		"MOVD room+40(FP), R5",
		"MOVD ZR, R6",
		"MOVD ZR, R7",
	)
}

// each64 repeats a step, which counts itself in R7 and goes to hit if there is one.
// lanes is for then.
func each64(a *Assembly, lanes, step []string) {
	a.Label("step")
	a.Lines(step...)
	a.Label("next")
	a.Lines("CMP R3, R7", "BLT step")
	leave64(a, lanes)
}

// eachVersion64 makes a schedule for each batch and repeats the step with each
// version's prepared words.
func eachVersion64(a *Assembly, lanes, schedule, step []string) {
	a.Label("batch")
	a.Lines(schedule...)
	a.Lines("MOVD words+8(FP), R1", "MOVD versions+16(FP), R8")
	a.Label("step")
	a.Lines(step...)
	a.Label("next")
	a.Lines("SUBS $1, R8", "BNE step", "SUBS $1, R3", "BNE batch")
	leave64(a, lanes)
}

// leave64 is what follows the loop: the end, and the rare case of a hit.
func leave64(a *Assembly, lanes []string) {
	a.Label("end")
	a.Lines("MOVD R6, found+48(FP)", "MOVD R7, done+56(FP)", "RET")
	a.Label("hit")
	a.Lines(lanes...)
	a.Lines(
		"SUB $1, R7, R10",
		"MOVW R10, record_step(R4)",
		"MOVW R9, record_lanes(R4)",
		fmt.Sprintf("ADD $%d, R4", recordSize),
		"ADD $1, R6",
		"CMP R5, R6",
		"BLT next",
		"B end",
	)
}

// newNEON64 is NEON of arm64. Registers are numbers, because they have two names.
func newNEON64() *NEON {
	n := &NEON{Base: "R0", Constants: "R2", Prepared: "R1", One: oneNEON64, Versions: versionsNEON64}
	n.Processor = Processor{
		Load: func(m *Memory, r string) string {
			if table, ok := n.streams.Load(m); ok {
				return fmt.Sprintf("VLD1R.P 4(%s), [V%s.S4]", table, r)
			}
			return fmt.Sprintf("FMOVQ %s, F%s", m, r)
		},
		Store: func(r string, m *Memory) string { return fmt.Sprintf("FMOVQ F%s, %s", r, m) },
		Copy:  func(from, to string) string { return fmt.Sprintf("VMOV V%s.B16, V%s.B16", from, to) },
		Print: printNEON64,
		Spill: func(i int) *Memory { return n.row("spill", i) },
	}
	for i := range 32 {
		n.Registers = append(n.Registers, fmt.Sprint(i))
	}
	return n
}

// printNEON64 prints sources from last to first, and the result.
func printNEON64(in *Instruction, o *Operands) []string {
	if in.Place != nil {
		return []string{fmt.Sprintf("FMOVQ F%s, %s", o.Sources[0], in.Place)}
	}
	arrangement := "S4"
	if slices.Contains([]string{"VEOR", "VBIT", "VBSL", "VREV32"}, in.Name) {
		arrangement = "B16"
	}
	text := in.Name + " "
	if in.Number != 0 {
		text += fmt.Sprintf("$%d, ", in.Number)
	}
	sources := o.Sources
	if in.Destroys {
		sources = sources[1:]
	}
	for _, s := range slices.Backward(sources) {
		text += fmt.Sprintf("V%s.%s, ", s, arrangement)
	}
	return []string{text + fmt.Sprintf("V%s.%s", o.Result, arrangement)}
}

// checkNEON64 compares the last word with the limit, and goes to hit with the lanes
// in R9.
func checkNEON64(last string) []string {
	r, other := "V"+last, "0"
	if last == "0" {
		other = "1"
	}
	x := "V" + other
	return []string{
		fmt.Sprintf("VREV32 %s.B16, %s.B16", r, r),
		fmt.Sprintf("FMOVQ lanes128_top(R0), F%s", other),
		// At or below is equal to the lesser.
		fmt.Sprintf("VUMIN %s.S4, %s.S4, %s.S4", x, r, x),
		fmt.Sprintf("VCMEQ %s.S4, %s.S4, %s.S4", x, r, r),
		fmt.Sprintf("FMOVQ lanes128_bits(R0), F%s", other),
		fmt.Sprintf("VAND %s.B16, %s.B16, %s.B16", x, r, r),
		fmt.Sprintf("VADDV %s.S4, %s", r, r),
		fmt.Sprintf("VMOV %s.S[0], R9", r),
		"ADD $1, R7",
		"CBNZ R9, hit",
	}
}

func oneNEON64(a *Assembly, step []string, last string) {
	a.Function("4 lanes.", "scanNEON", arguments)
	enter64(a)
	each64(a, nil, slices.Concat([]string{"MOVD words+8(FP), R1", "MOVD $wholeNEON<>(SB), R2"}, step, checkNEON64(last)))
}

func versionsNEON64(a *Assembly, schedule, step []string, last string) {
	a.Function("4 lanes, one message schedule for many midstates.", "scanNEONVersions", arguments)
	enter64(a)
	eachVersion64(a, nil,
		append([]string{"ADD $lanes128_known, R0, R1", "MOVD $rowsNEON<>(SB), R2"}, schedule...),
		slices.Concat([]string{"MOVD $versionNEON<>(SB), R2"}, step, checkNEON64(last)))
}

func generateARM64(dir string) error {
	const constraint = "arm64 && !purego"
	src := NewSource(constraint)
	a := NewAssembly(constraint)
	newNEON64().generate(a, src)
	if err := a.Write(dir, "neon_arm64.s"); err != nil {
		return err
	}
	a = NewAssembly(constraint)
	scanSHA2(a, src, NewSearch(Whole))
	if err := a.Write(dir, "sha2_arm64.s"); err != nil {
		return err
	}
	return src.Write(dir, "prepare_arm64.go")
}

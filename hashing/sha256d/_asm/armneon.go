package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// NEON of 32-bit arm. Go's assembler has no names for it there, so instructions are
// words, each with what GNU's assembler calls it in a comment; a test of
// hashing/sha256d has them disassembled. (Encodings: ARM Architecture Reference
// Manual, ARMv7-A, A7.4 and A8.8.) A quad register is a pair of d registers, whose
// numbers are split: the low four bits, and one elsewhere.

// field is where a d register's number goes: bits and the one.
type field struct{ bits, one int }

var (
	fieldD = field{12, 22}
	fieldN = field{16, 7}
	fieldM = field{0, 5}
)

func (f field) put(d int) uint32 { return uint32(d&15)<<f.bits | uint32(d>>4)<<f.one }

// neonOp is an instruction's encoding without its registers, and its name.
type neonOp struct {
	code uint32
	name string
}

var neonOps = map[string]neonOp{
	"VADD":   {0xf2200840, "vadd.i32"},
	"VEOR":   {0xf3000150, "veor"},
	"VBSL":   {0xf3100150, "vbsl"},
	"VBIT":   {0xf3200150, "vbit"},
	"VCGE":   {0xf3200350, "vcge.u32"},
	"VREV32": {0xf3b000c0, "vrev32.8"},
	"VUSHR":  {0xf3800050, "vshr.u32"},
	"VSLI":   {0xf3800550, "vsli.32"},
}

// neonWord is the line for an instruction of q registers: the result and the rest.
func neonWord(name string, number int, q ...int) string {
	op := neonOps[name]
	code := op.code | fieldD.put(2*q[0])
	text := fmt.Sprintf("%s q%d", op.name, q[0])
	for _, r := range q[1:] {
		text += fmt.Sprintf(", q%d", r)
	}
	switch name {
	case "VUSHR":
		code |= uint32(64-number) << 16
	case "VSLI":
		code |= uint32(32+number) << 16
	}
	if number != 0 {
		text += fmt.Sprintf(", #%d", number)
	}
	if len(q) == 3 {
		code |= fieldN.put(2 * q[1])
	}
	return wordLine(code|fieldM.put(2*q[len(q)-1]), text)
}

func wordLine(code uint32, text string) string { return fmt.Sprintf("WORD $%#08x // %s", code, text) }

// Loads and stores of a q register.
const (
	loadQ   = 0xf4200a80
	storeQ  = 0xf4000a80
	loadOne = 0xf4a00ca0 // one word for all lanes, in both its d registers
)

// accessWord is the line for one, through a core register that moves on or not.
func accessWord(code uint32, q, through int, moves bool) string {
	index, after := uint32(15), ""
	if moves {
		index, after = 13, "!"
	}
	name, lanes := "vld1.32", ""
	switch code {
	case storeQ:
		name = "vst1.32"
	case loadOne:
		lanes = "[]"
	}
	text := fmt.Sprintf("%s {d%d%s-d%d%s}, [r%d]%s", name, 2*q, lanes, 2*q+1, lanes, through, after)
	return wordLine(code|fieldD.put(2*q)|uint32(through)<<16|index, text)
}

// access is a load or store whose address no instruction can hold: it goes through a
// core register, which must be set first unless an earlier access has left it at
// the right place.
type access struct {
	code uint32
	q    int
	at   *Memory
	next int // the access that takes over the register, or 0
}

// armNEON remembers accesses while code is made: in its place there is a line with
// the access's number.
type armNEON struct {
	NEON
	accesses []*access
}

const accessMark = "access "

func (n *armNEON) access(code uint32, register string, m *Memory) string {
	q, _ := strconv.Atoi(register)
	n.accesses = append(n.accesses, &access{code: code, q: q, at: m})
	return accessMark + fmt.Sprint(len(n.accesses)-1)
}

// pointers are the core registers for accesses. R0 and R1 read the tables, R10 is g,
// R12 points to the memory, R13 is the stack pointer. R14 is saved by the assembler.
var pointers = []int{2, 3, 4, 5, 6, 7, 8, 9, 11, 14}

// link finds accesses that can take over a register from an earlier one: it is at
// the same place, or at the one behind. The shortest waits come first, because a
// register that waits is not there for others.
func (n *armNEON) link() {
	type pair struct{ from, to int }
	var pairs []pair
	for i, a := range n.accesses {
		for j := i + 1; j < len(n.accesses); j++ {
			b := n.accesses[j]
			if *b.at == *a.at || *b.at == *a.at.At(16) {
				pairs = append(pairs, pair{i, j})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return (a.to - a.from) - (b.to - b.from) })
	waiting := make([]int, len(n.accesses)) // registers that are kept over an access
	taken := make([]bool, len(n.accesses))
	for _, p := range pairs {
		over := waiting[p.from+1 : p.to]
		if n.accesses[p.from].next != 0 || taken[p.to] || slices.ContainsFunc(over, func(w int) bool { return w >= len(pointers)-1 }) {
			continue
		}
		for i := range over {
			over[i]++
		}
		n.accesses[p.from].next = p.to
		taken[p.to] = true
	}
}

// finish puts the accesses into the lines.
func (n *armNEON) finish(lines []string) (done []string) {
	n.link()
	free := slices.Clone(pointers)
	holds := map[int]int{} // of an access, the register that it takes over
	for _, l := range lines {
		number, ok := strings.CutPrefix(l, accessMark)
		if !ok {
			done = append(done, l)
			continue
		}
		i, _ := strconv.Atoi(number)
		a := n.accesses[i]
		r, ok := holds[i]
		if !ok {
			r, free = free[0], free[1:]
			done = append(done, fmt.Sprintf("ADD $(%s+%d), R12, R%d", a.at.Field, a.at.Offset, r))
		}
		moves := a.next != 0 && *n.accesses[a.next].at != *a.at
		done = append(done, accessWord(a.code, a.q, r, moves))
		if a.next != 0 {
			holds[a.next] = r
		} else {
			free = append(free, r)
		}
	}
	n.accesses = nil
	return done
}

func newARMNEON() *armNEON {
	n := &armNEON{NEON: NEON{Base: "R12", Constants: "1", Prepared: "0", One: oneARMNEON, Versions: versionsARMNEON}}
	n.Finish = n.finish
	n.Processor = Processor{
		Load: func(m *Memory, r string) string {
			if table, ok := n.streams.Load(m); ok {
				q, _ := strconv.Atoi(r)
				through, _ := strconv.Atoi(table)
				return accessWord(loadOne, q, through, true)
			}
			return n.access(loadQ, r, m)
		},
		Store: func(r string, m *Memory) string { return n.access(storeQ, r, m) },
		Copy:  func(from, to string) string { return copyARMNEON(from, to) },
		Print: n.print,
		Spill: func(i int) *Memory { return n.row("spill", i) },
	}
	for i := range 16 {
		n.Registers = append(n.Registers, fmt.Sprint(i))
	}
	return n
}

// copyARMNEON is the or of a register with itself.
func copyARMNEON(from, to string) string {
	f, _ := strconv.Atoi(from)
	t, _ := strconv.Atoi(to)
	code := 0xf2200150 | fieldD.put(2*t) | fieldN.put(2*f) | fieldM.put(2*f)
	return wordLine(code, fmt.Sprintf("vorr q%d, q%d, q%d", t, f, f))
}

func (n *armNEON) print(in *Instruction, o *Operands) []string {
	if in.Place != nil {
		return []string{n.access(storeQ, o.Sources[0].Register, in.Place)}
	}
	names := []string{o.Result}
	sources := o.Sources
	if in.Destroys {
		sources = sources[1:]
	}
	for _, s := range sources {
		names = append(names, s.Register)
	}
	var q []int
	for _, name := range names {
		r, _ := strconv.Atoi(name)
		q = append(q, r)
	}
	return []string{neonWord(in.Name, in.Number, q...)}
}

// checkARMNEON compares the last word with the limit, and goes to hit if there is
// one: R3 and R4 have 16 bits for each lane.
func checkARMNEON(last string) []string {
	r, _ := strconv.Atoi(last)
	top := (r + 1) % 16
	return []string{
		neonWord("VREV32", 0, r, r),
		"ADD $lanes128_top, R12, R2",
		accessWord(loadQ, top, 2, false),
		neonWord("VCGE", 0, r, top, r),
		wordLine(0xf3b60200|fieldD.put(2*r)|fieldM.put(2*r), fmt.Sprintf("vmovn.i32 d%d, q%d", 2*r, r)),
		wordLine(0xec500b10|4<<16|3<<12|fieldM.put(2*r), fmt.Sprintf("vmov r3, r4, d%d", 2*r)),
		"MOVW lanes128_done(R12), R2",
		"ADD $1, R2",
		"MOVW R2, lanes128_done(R12)",
		"ORR.S R3, R4, R5",
		"BNE hit",
	}
}

// leaveARMNEON is what follows the loop: the end, and the rare case of a hit.
func leaveARMNEON(a *Assembly) {
	a.Label("end")
	a.Lines(
		"MOVW lanes128_found(R12), R2",
		"MOVW R2, found+24(FP)",
		"MOVW lanes128_done(R12), R2",
		"MOVW R2, done+28(FP)",
		"RET",
	)
	a.Label("hit")
	a.Lines(
		"AND $1, R3, R5",
		"AND $0x10000, R3",
		"ORR R3>>15, R5",
		"AND $1, R4, R6",
		"ORR R6<<2, R5",
		"AND $0x10000, R4",
		"ORR R4>>13, R5",
		"SUB $1, R2",
		"MOVW lanes128_found(R12), R3",
		"MOVW records+16(FP), R4",
		"ADD R3<<3, R4",
		"MOVW R2, record_step(R4)",
		"MOVW R5, record_lanes(R4)",
		"ADD $1, R3",
		"MOVW R3, lanes128_found(R12)",
		"MOVW room+20(FP), R4",
		"CMP R4, R3",
		"BLT next",
		"B end",
	)
}

var enterARMNEON = []string{
	"MOVW m+0(FP), R12",
	"MOVW $0, R2",
	"MOVW R2, lanes128_found(R12)",
	"MOVW R2, lanes128_done(R12)",
}

func oneARMNEON(a *Assembly, step []string, last string) {
	a.FrameFunction("4 lanes.", "scanNEON", 32, 4)
	a.Lines(enterARMNEON...)
	a.Label("step")
	a.Lines("MOVW words+4(FP), R0", "MOVW $wholeNEON<>(SB), R1")
	a.Lines(step...)
	a.Lines(checkARMNEON(last)...)
	a.Label("next")
	a.Lines("MOVW lanes128_done(R12), R2", "MOVW steps+12(FP), R3", "CMP R3, R2", "BLT step")
	leaveARMNEON(a)
}

func versionsARMNEON(a *Assembly, schedule, step []string, last string) {
	a.FrameFunction("4 lanes, one message schedule for many midstates.", "scanNEONVersions", 32, 4)
	a.Lines(enterARMNEON...)
	a.Lines("MOVW steps+12(FP), R2", "MOVW R2, lanes128_batches(R12)")
	a.Label("batch")
	a.Lines("ADD $lanes128_known, R12, R0", "MOVW $rowsNEON<>(SB), R1")
	a.Lines(schedule...)
	a.Lines("MOVW words+4(FP), R0", "MOVW versions+8(FP), R2", "MOVW R2, lanes128_versions(R12)")
	a.Label("step")
	a.Lines("MOVW $versionNEON<>(SB), R1")
	a.Lines(step...)
	a.Lines(checkARMNEON(last)...)
	a.Label("next")
	for _, counter := range []struct{ name, label string }{{"versions", "step"}, {"batches", "batch"}} {
		a.Lines(
			fmt.Sprintf("MOVW lanes128_%s(R12), R2", counter.name),
			"SUB.S $1, R2",
			fmt.Sprintf("MOVW R2, lanes128_%s(R12)", counter.name),
			"BNE "+counter.label,
		)
	}
	leaveARMNEON(a)
}

package main

import (
	"fmt"
	"strings"
)

// The SHA2 instructions of arm64 do four rounds at once, on a state in two
// registers (a to d and e to h, a and e lowest), with K + W of the four in a third.
// One makes the new a to d, another the new e to h, and each wants the old
// others: so the old a to d are copied before. They make the message schedule four
// words at a time, too.
//
// Each waits for the one before, so two nonces go side by side, instruction by
// instruction. The work is so regular that registers are given by hand:
//
//	V0 to V7    the first stream's state, copy, schedule and K + W
//	V8 to V15   the second's
//	V16 to V26  K of rounds 16 to 59, which both hashes use
//	V27         a nonce, in the lowest lane
//	V28 to V31  the next four quads of a table of known ones, read from front to back
type sha2 struct {
	lines []string
	table Table // of prepared words, and of constants
	used  int   // of the four quads
}

const (
	sha2Streams = 2
	firstK      = 4 // groups of rounds whose K are in registers
	lastK       = 14
)

// Registers of a stream.
const (
	abcd = iota
	efgh
	old
	schedule0 // to 3: group g of words is in g mod 4
	_
	_
	_
	kw
)

func reg(stream, r int) int { return 8*stream + r }

func word(stream, g int) int { return reg(stream, schedule0+g%4) }

func (h *sha2) linef(format string, args ...any) {
	h.lines = append(h.lines, fmt.Sprintf(format, args...))
}

// each appends an instruction for both streams.
func (h *sha2) each(line func(stream int) string) {
	for s := range sha2Streams {
		h.lines = append(h.lines, line(s))
	}
}

// known returns registers with these quads, until the next call.
func (h *sha2) known(quads ...quad) (registers []int) {
	const fetched = 4
	if h.used+len(quads) > fetched {
		h.pad()
	}
	for _, q := range quads {
		if h.used == 0 {
			h.linef("VLD1.P 64(R1), [V28.S4, V29.S4, V30.S4, V31.S4]")
		}
		registers = append(registers, 28+h.used)
		h.used = (h.used + 1) % fetched
		h.table.Words = append(h.table.Words, q[:]...)
	}
	return registers
}

// pad skips the rest of four quads.
func (h *sha2) pad() {
	for ; h.used%4 != 0; h.used++ {
		q := constQuad([4]uint32{})
		h.table.Words = append(h.table.Words, q[:]...)
	}
	h.used = 0
}

// rounds does a group of four rounds, with K + W in a register of each stream.
func (h *sha2) rounds(kw func(stream int) int) {
	h.each(func(s int) string { return fmt.Sprintf("VMOV V%d.B16, V%d.B16", reg(s, abcd), reg(s, old)) })
	h.each(func(s int) string {
		return fmt.Sprintf("SHA256H V%d.S4, V%d, V%d", kw(s), reg(s, efgh), reg(s, abcd))
	})
	h.each(func(s int) string {
		return fmt.Sprintf("SHA256H2 V%d.S4, V%d, V%d", kw(s), reg(s, old), reg(s, efgh))
	})
}

// addK puts K + W of a group into the streams' registers.
func (h *sha2) addK(g int, k quad) {
	r := 16 + g - firstK
	if g < firstK || g > lastK {
		r = h.known(k)[0]
	}
	h.each(func(s int) string { return fmt.Sprintf("VADD V%d.S4, V%d.S4, V%d.S4", r, word(s, g), reg(s, kw)) })
}

// group does a group of rounds of a block.
func (h *sha2) group(blk *Block, g int) {
	if q := group(&blk.KW, g); q.known() {
		r := h.known(q)[0]
		h.rounds(func(int) int { return r })
		return
	}
	h.addK(g, constQuad([4]uint32(roundConstants[4*g:])))
	h.rounds(func(s int) int { return reg(s, kw) })
}

// words says where groups of the schedule are in a stream, until the next call.
func (h *sha2) words(blk *Block, groups ...int) func(stream int) []int {
	var fetch []quad
	for _, g := range groups {
		if q := group(&blk.W, g); q.known() {
			fetch = append(fetch, q)
		}
	}
	fetched := h.known(fetch...)
	return func(s int) (registers []int) {
		rest := fetched
		for _, g := range groups {
			if group(&blk.W, g).known() {
				registers = append(registers, rest[0])
				rest = rest[1:]
			} else {
				registers = append(registers, word(s, g))
			}
		}
		return registers
	}
}

// schedule makes a group of the schedule from those before.
func (h *sha2) schedule(search *Search, blk *Block, g int) {
	var begun quad // W[t-16] + s0(W[t-15])
	for i := range begun {
		t := 4*g + i
		begun[i] = search.Add(blk.W[t-16], search.Apply(SmallSigma0, blk.W[t-15]))
	}
	to := func(s int) int { return word(s, g) }
	if begun.known() {
		h.set(begun, to)
	} else {
		if first := group(&blk.W, g-4); first.known() {
			h.set(first, to)
		}
		from := h.words(blk, g-3)
		h.each(func(s int) string { return fmt.Sprintf("SHA256SU0 V%d.S4, V%d.S4", from(s)[0], to(s)) })
	}
	from := h.words(blk, g-1, g-2)
	h.each(func(s int) string {
		return fmt.Sprintf("SHA256SU1 V%d.S4, V%d.S4, V%d.S4", from(s)[0], from(s)[1], to(s))
	})
}

// set puts known words into a register of each stream.
func (h *sha2) set(q quad, to func(stream int) int) {
	if q.zero() {
		h.each(func(s int) string { return fmt.Sprintf("VEOR V%d.B16, V%[1]d.B16, V%[1]d.B16", to(s)) })
		return
	}
	r := h.known(q)[0]
	h.each(func(s int) string { return fmt.Sprintf("VMOV V%d.B16, V%d.B16", r, to(s)) })
}

// The nonces of a step are in R13 and R14, in the order of bytes that is hashed.
var nonceWords = []string{"R13", "R14"}

// nonces takes the next two from R12.
func (h *sha2) nonces() {
	for _, r := range nonceWords {
		h.linef("REVW R12, %s", r)
		h.linef("ADDW $1, R12")
	}
}

// message puts the header's first words into the streams.
func (h *sha2) message(blk *Block) {
	w := group(&blk.W, 0)
	h.set(quad{w[0], w[1], w[2], Const(0)}, func(s int) int { return word(s, 0) })
	h.each(func(s int) string { return fmt.Sprintf("VMOV %s, V%d.S[3]", nonceWords[s], word(s, 0)) })
}

// state puts the header's state after round 3 into the streams. The nonce is a
// part of a and e.
func (h *sha2) state(blk *Block) {
	r := h.known(group4(blk.State[4], 0).knownPart(), group4(blk.State[4], 4).knownPart())
	for s := range sha2Streams {
		h.linef("VMOV %s, V27.S[0]", nonceWords[s])
		h.linef("VADD V27.S4, V%d.S4, V%d.S4", r[0], reg(s, abcd))
		h.linef("VADD V27.S4, V%d.S4, V%d.S4", r[1], reg(s, efgh))
	}
}

// group4 is half a state.
func group4(s [8]*Word, i int) quad { return quad(s[i : i+4]) }

// header does the header's rounds.
func (h *sha2) header(s *Search) {
	h.nonces()
	h.state(s.Header)
	for g := 1; g < firstK; g++ {
		h.group(s.Header, g)
	}
	h.message(s.Header)
	for g := firstK; g < 16; g++ {
		h.schedule(s, s.Header, g)
		h.group(s.Header, g)
	}
}

// rows puts K + W of the header's scheduled rounds into memory. A load takes two
// groups of both streams.
func (h *sha2) rows(s *Search) {
	h.nonces()
	h.message(s.Header)
	for g := firstK; g < 16; g++ {
		h.schedule(s, s.Header, g)
		h.addK(g, constQuad([4]uint32(roundConstants[4*g:])))
		h.each(func(s int) string {
			return fmt.Sprintf("FMOVQ F%d, sha128_rows+%d(R0)", reg(s, kw), 16*(2*(g-firstK)+s))
		})
	}
	h.pad()
}

// headerRows does the header's rounds with K + W from memory.
func (h *sha2) headerRows(s *Search) {
	h.state(s.Header)
	for g := 1; g < firstK; g++ {
		h.group(s.Header, g)
	}
	h.linef("ADD $sha128_rows, R0, R15")
	for g := firstK; g < 16; g += 2 {
		at := reg(g/2%2, schedule0)
		h.linef("VLD1.P 64(R15), [V%d.S4, V%d.S4, V%d.S4, V%d.S4]", at, at+1, at+2, at+3)
		h.rounds(func(s int) int { return at + s })
		h.rounds(func(s int) int { return at + 2 + s })
	}
}

// digest does the second hash.
func (h *sha2) digest(s *Search) {
	for i := range 2 {
		r := h.known(group4(s.Header.State[0], 4*i))[0]
		h.each(func(s int) string {
			return fmt.Sprintf("VADD V%d.S4, V%d.S4, V%d.S4", r, reg(s, abcd+i), word(s, i))
		})
	}
	h.addK(0, constQuad([4]uint32(roundConstants[:4])))
	h.first(s.Digest)
	for g := 1; g < 15; g++ {
		if g >= 4 {
			h.schedule(s, s.Digest, g)
		}
		h.group(s.Digest, g)
	}
	// Of the last rounds only the first counts, and of it only the new e, which
	// goes from the lowest word to the highest. The sum with the initial state is
	// in the constant.
	h.schedule(s, s.Digest, 15)
	h.addK(15, constQuad([4]uint32{roundConstants[60] + initialState[7], 0, 0, 0}))
	h.each(func(s int) string {
		return fmt.Sprintf("SHA256H2 V%d.S4, V%d, V%d", reg(s, kw), reg(s, abcd), reg(s, efgh))
	})
	h.pad()
}

// first does the rounds that begin with the initial state, which needs no copy.
func (h *sha2) first(blk *Block) {
	r := h.known(group4(blk.State[0], 0), group4(blk.State[0], 4))
	for i := range r {
		h.each(func(s int) string { return fmt.Sprintf("VMOV V%d.B16, V%d.B16", r[i], reg(s, abcd+i)) })
	}
	for i, name := range []string{"SHA256H", "SHA256H2"} {
		h.each(func(s int) string {
			return fmt.Sprintf("%s V%d.S4, V%d, V%d", name, reg(s, kw), r[1-i], reg(s, abcd+i))
		})
	}
}

// check branches to hit if one of the streams has one.
func (h *sha2) check() {
	for s, r := range []string{"R9", "R10"} {
		h.linef("VMOV V%d.S[3], %s", reg(s, efgh), r)
		h.linef("REVW %s, %s", r, r)
	}
	h.linef("CMPW R11, R9")
	h.linef("CCMPW HI, R10, R11, $0") // if the first is above, is the second?
	h.linef("ADD $1, R7")
	h.linef("BLS hit")
}

// lanes puts those that hit into R9.
var sha2Lanes = []string{
	"CMPW R11, R9",
	"CSET LS, R9",
	"CMPW R11, R10",
	"CSET LS, R10",
	"ADD R10<<1, R9, R9",
}

// enter reads the arguments, and what is in registers throughout.
func (h *sha2) enter(a *Assembly) {
	enter64(a)
	a.Linef("MOVD $%s<>(SB), R10", sha2Constants)
	for i := firstK; i <= lastK; i += 4 {
		var to []string
		for g := i; g < min(i+4, lastK+1); g++ {
			to = append(to, fmt.Sprintf("V%d.S4", 16+g-firstK))
		}
		a.Linef("VLD1.P %d(R10), [%s]", 16*len(to), strings.Join(to, ", "))
	}
	a.Lines(
		"MOVWU sha128_top(R0), R11",
		"MOVWU sha128_nonce(R0), R12",
		"VEOR V27.B16, V27.B16, V27.B16",
	)
}

const sha2Constants = "roundConstants"

// scanSHA2 emits both kernels.
func scanSHA2(a *Assembly, src *Source, s *Search) {
	var one, rows, version sha2
	one.header(s)
	one.digest(s)
	one.check()
	a.Function("2 nonces side by side.", "scanSHA2", arguments)
	one.enter(a)
	each64(a, sha2Lanes, append([]string{"MOVD words+8(FP), R1"}, one.lines...))
	src.Prepare("prepareSHA2", "sha2Words", &s.Graph, &one.table)

	rows.rows(s)
	version.headerRows(s)
	version.digest(s)
	version.check()
	a.Function("2 nonces side by side, one message schedule for many midstates.", "scanSHA2Versions", arguments)
	rows.enter(a)
	eachVersion64(a, sha2Lanes, append([]string{"ADD $sha128_known, R0, R1"}, rows.lines...), version.lines)
	src.Prepare("prepareSHA2Rows", "sha2RowsWords", &s.Graph, &rows.table)
	src.Prepare("prepareSHA2Version", "sha2VersionWords", &s.Graph, &version.table)

	a.Words(sha2Constants, roundConstants[4*firstK:4*lastK+4])
}

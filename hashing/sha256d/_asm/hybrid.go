package main

import (
	"fmt"
	"slices"
)

// Hybrid describes the kernels for processors that have both AVX-512 and the SHA
// extensions, and whose SHA rounds are fast. On Zen 4 a round with the SHA
// extensions takes half of what it takes in wide registers, but a word of the
// message schedule twice as much. So sixteen nonces have their schedules made in
// the lanes of wide registers, stored so that the K + W of two rounds of one
// nonce lie side by side, and their rounds done one nonce after the other.
//
// The two kinds of work wait for each other's results, so they do not take turns:
// while one step's rounds are done, the schedule of another is made, instruction
// by instruction in between. Rounds use X0 to X12, schedules Z16 to Z31: a
// register that both touch would cost dearly.
type Hybrid struct {
	*Vector
	known  *Known // what the header's schedule is made of, in the kernel's memory
	search *Search
	mids   *Known // what the rest is made of, for each midstate
}

// groups of nonces whose rounds are done at the same time: enough to hide how
// long one takes, and few enough for the registers. 6+5+5 was the fastest of
// what was tried on Zen 4.
var groups = []int{6, 5, 5}

// The digest's rounds begin with round 1: round 0 is two additions, which are done
// for all lanes at once. They end with 60, so there are no odd ones.
const firstRound = 1

func newHybrid(constants *Table, whole *Search) *Hybrid {
	h := &Hybrid{Vector: avx512(), search: NewSearch(Rounds)}
	h.Type = "both"
	h.Registers = h.Registers[16:]
	h.known = NewKnown(constants, whole.Live(whole.rows()...))
	h.mids = NewKnown(constants, h.search.Live(h.search.Digest.KW[firstRound:61]...))
	return h
}

// place is where known words are in a row: in the table at prepared, or with the
// constants.
func (h *Hybrid) place(prepared Memory, words ...*Word) *Memory {
	table, base := h.mids.Constants, constants
	for _, w := range words {
		if w.When == Prepared {
			table, base = &h.mids.Prepared, prepared
		}
	}
	base.One = false
	return base.At(4 * table.Run(words...))
}

// Of lane p: where its two words are in a pair of rows, after they have been
// interleaved, and where its state is in four rows of states.
func pairAt(p int) int  { return (p>>1&1)*64 + (p>>2)*16 + (p&1)*8 }
func stateAt(p int) int { return (p&3)*64 + (p>>2)*16 }

// storePair stores the K + W of two rounds for each lane.
func (h *Hybrid) storePair(p *Program, a, b *Value, to *Memory) {
	h.store(p, p.Do(Instruction{Name: "VPUNPCKLDQ"}, a, b), to)
	h.store(p, p.Do(Instruction{Name: "VPUNPCKHDQ"}, a, b), to.At(64))
}

// spread makes four rows that have x twice for each lane, where e and a are in a
// state, and zero where f and b are.
func (h *Hybrid) spread(p *Program, x *Value) (rows []*Value) {
	for i := range 4 {
		rows = append(rows, p.Do(Instruction{Name: "VPSHUFD.Z", Number: 0x55 * i}, x))
	}
	return rows
}

// storeStates stores f, e, b and a for each lane: what is known of them, and x.
func (h *Hybrid) storeStates(p *Program, x []*Value, state [8]*Word, prepared, to Memory) {
	abef, _ := halves(state)
	part := abef.knownPart()
	known := p.Do(Instruction{Name: "VBROADCASTI32X4"}, &Value{Home: h.place(prepared, part[:]...)})
	for i, row := range x {
		h.store(p, p.Do(Instruction{Name: "VPADDD"}, known, row), to.At(64*i))
	}
}

// headerSchedule makes the header's schedule for the next nonces. states appends
// what becomes of the nonces besides.
func (h *Hybrid) headerSchedule(whole *Search, states func(p *Program, nonce *Value)) *Code {
	p := &Program{Known: h.at(h.known, h.field("known")), Lower: h.Lower}
	live := whole.Live(whole.rows()...)
	nonce := h.nonces(p)
	states(p, nonce)
	p.Set(input(live, "nonce"), nonce)
	kw := whole.Header.KW
	pair := 0
	for _, w := range live {
		p.Run([]*Word{w})
		if t := slices.Index(kw[:], w); t%2 == 1 && w.When == Scanned {
			h.storePair(p, p.Value(kw[t-1]), p.Value(w), h.field("header").At(128*pair))
			pair++
		}
	}
	return h.Allocate(p.Code)
}

// digestSchedule makes the schedule of the second hash, and its states after
// round 0, in a buffer: four rows of states, and the pairs of rows. What reads
// the digest's states is in the first head lines.
func (h *Hybrid) digestSchedule(p *Program, prepared, buffer Memory) (code *Code, head int) {
	s := h.search
	p.Known, p.Lower = h.at(h.mids, prepared), h.Lower
	state := h.transposed(p)
	for i, w := range state {
		p.Set(input(s.Words, named("state", i)), w)
	}
	before := len(p.Code)
	h.storeStates(p, h.spread(p, state[0]), s.Digest.State[firstRound], prepared, buffer)
	kw := s.Digest.KW
	live := s.Live(kw[firstRound:61]...)
	pair := 0
	for t := firstRound; t < 61; t += 2 {
		if kw[t].When < Scanned && kw[t+1].When < Scanned {
			continue
		}
		for _, w := range kw[t : t+2] {
			if w.When == Generated {
				h.mids.Constants.Need(w)
			}
		}
		p.Run(upTo(live, kw[t], kw[t+1]))
		h.storePair(p, p.Value(kw[t]), p.Value(kw[t+1]), buffer.At(256+128*pair))
		pair++
	}
	code = h.Allocate(p.Code)
	return code, code.Ends[before-1]
}

// upTo is the words up to the last of these.
func upTo(words []*Word, last ...*Word) []*Word {
	end := 0
	for _, w := range last {
		end = max(end, slices.Index(words, w)+1)
	}
	return words[:end]
}

// transposed loads the digests' states, one after the other in memory, and makes
// a row of each word.
func (h *Hybrid) transposed(p *Program) (state [8]*Value) {
	two := func(name string, a, b *Value) *Value { return p.Do(Instruction{Name: name}, a, b) }
	for half, words := range [][4]int{{5, 4, 1, 0}, {7, 6, 3, 2}} { // abef, cdgh
		var z [4]*Value
		for i := range z {
			z[i] = &Value{Home: h.field("digest").At(256*half + 64*i)}
		}
		low, high := two("VPUNPCKLDQ", z[0], z[1]), two("VPUNPCKLDQ", z[2], z[3])
		state[words[0]], state[words[1]] = two("VPUNPCKLQDQ", low, high), two("VPUNPCKHQDQ", low, high)
		low, high = two("VPUNPCKHDQ", z[0], z[1]), two("VPUNPCKHDQ", z[2], z[3])
		state[words[2]], state[words[3]] = two("VPUNPCKLQDQ", low, high), two("VPUNPCKHQDQ", low, high)
	}
	return state
}

// run is the rounds of one block for a batch.
type run struct {
	blk         *Block
	first, last int
	prepared    Memory // table
	states      Memory // to begin with
	words       Memory // pairs of rows
	end         func(lane int, abef, cdgh string) []string
}

// rounds prints a run.
func (h *Hybrid) rounds(r run) (lines []string) {
	_, cdgh := halves(r.blk.State[r.first])
	lane := 0
	for _, n := range groups {
		abef, other := make([]string, n), make([]string, n)
		for i := range n {
			abef[i], other[i] = fmt.Sprintf("X%d", 2*i+1), fmt.Sprintf("X%d", 2*i+2)
			lines = append(lines,
				fmt.Sprintf("MOVO %s, %s", r.states.At(stateAt(lane+i)), abef[i]),
				fmt.Sprintf("MOVOU %s, %s", h.place(r.prepared, cdgh[:]...), other[i]))
		}
		pair := 0
		for t := r.first; t < r.last; t += 2 {
			kw := r.blk.KW[t : t+2]
			known := kw[0].When < Scanned && kw[1].When < Scanned
			if known {
				lines = append(lines, fmt.Sprintf("MOVQ %s, X0", h.place(r.prepared, kw...)))
			}
			for i := range n {
				if !known {
					lines = append(lines, fmt.Sprintf("MOVQ %s, X0", r.words.At(128*pair+pairAt(lane+i))))
				}
				lines = append(lines, fmt.Sprintf("SHA256RNDS2 X0, %s, %s", abef[i], other[i]))
			}
			if !known {
				pair++
			}
			abef, other = other, abef
		}
		for i := range n {
			lines = append(lines, r.end(lane+i, abef[i], other[i])...)
		}
		lane += n
	}
	return lines
}

// headerRounds finishes the header's hash, but for the last additions.
func (h *Hybrid) headerRounds() []string {
	return h.rounds(run{
		blk: h.search.Header, first: 4, last: 64, prepared: Memory{Base: prepared.Base},
		states: h.field("states"), words: h.field("header"),
		end: func(lane int, abef, cdgh string) []string {
			to := h.field("digest").At(stateAt(lane))
			return []string{fmt.Sprintf("MOVO %s, %s", abef, to), fmt.Sprintf("MOVO %s, %s", cdgh, to.At(256))}
		},
	})
}

// digestRounds does the second hash up to the word that counts, e.
func (h *Hybrid) digestRounds(buffer Memory) []string {
	return h.rounds(run{
		blk: h.search.Digest, first: firstRound, last: 61,
		states: buffer, words: *buffer.At(256),
		end: func(lane int, abef, cdgh string) []string {
			return []string{fmt.Sprintf("MOVQ %s, %s", abef, h.field("last").At(8*lane))} // f and e
		},
	})
}

// check compares, and leaves the lanes that hit in BX.
func (h *Hybrid) check() []string {
	last := h.field("last")
	seven := *constants.At(4 * h.mids.Constants.Run(Const(initialState[7])))
	lines := []string{
		fmt.Sprintf("VMOVDQA64 %s, Z16", h.field("odd")),
		fmt.Sprintf("VMOVDQA64 %s, Z17", last),
		fmt.Sprintf("VPERMI2D %s, Z17, Z16", last.At(64)), // e of each
		fmt.Sprintf("VPADDD.BCST %s, Z16, Z16", seven),
	}
	return append(lines, h.Check("Z16")...)
}

// enter prepares what the hybrids need besides: K2, and upper halves of registers
// that the rounds need not keep.
func (h *Hybrid) enter(a *Assembly) {
	enter(a)
	a.Lines("VZEROUPPER", "MOVL $0xaaaa, BX", "KMOVW BX, K2")
}

// one emits the kernel for one midstate. While the rounds of a step's header are
// done, the second schedule of the step before is made; then the second rounds of
// that one, and the first schedule of the next.
func (h *Hybrid) one(a *Assembly, whole *Search) (spills int) {
	table := Memory{Base: prepared.Base}
	first := h.headerSchedule(whole, func(p *Program, nonce *Value) {
		h.storeStates(p, h.spread(p, nonce), h.search.Header.State[4], table, h.field("states"))
	})
	second, head := h.digestSchedule(&Program{}, table, h.field("buffer"))
	a.Function("The rounds of 16 nonces with SHA instructions, their schedules in 16 lanes.", "scanHybrid", arguments)
	h.enter(a)
	a.Lines(first.Lines...)
	step := slices.Concat(
		interleave(h.headerRounds(), second.Lines, head),
		interleave(h.digestRounds(h.field("buffer")), first.Lines, 0),
		h.check())
	each(a, step, 1, h.Clean...)
	return max(first.Spills, second.Spills)
}

// versions emits the kernel for many midstates. A step does the header's rounds of
// one version, makes the second schedule of the version before, and does the
// second rounds of the one before that; all three at the same time.
//
//	R9   this version's prepared words    R12  buffer that is being filled
//	R11  those of the version before      R13  buffer that is being used
//	R14  end of all versions
func (h *Hybrid) versions(a *Assembly, whole *Search) (spills int) {
	schedule := h.headerSchedule(whole, func(p *Program, nonce *Value) {
		for i, row := range h.spread(p, nonce) {
			h.store(p, row, h.field("nonce").At(64*i))
		}
	})
	p := &Program{}
	var nonce []*Value
	for i := range 4 {
		nonce = append(nonce, &Value{Home: h.field("nonce").At(64 * i)})
	}
	h.storeStates(p, nonce, h.search.Header.State[4], Memory{Base: prepared.Base}, h.field("states"))
	second, head := h.digestSchedule(p, Memory{Base: "R11"}, Memory{Base: "R12"})
	rounds := slices.Concat(h.headerRounds(), h.digestRounds(Memory{Base: "R13"}))

	a.Function("The same for many midstates under one message schedule.", "scanHybridVersions", arguments)
	h.enter(a)
	const behind = 2
	apart := 4 * len(h.mids.Prepared.Words)
	a.Lines(
		"MOVQ versions+16(FP), R14",
		"IMULQ R14, DX", // steps from batches
		fmt.Sprintf("ADDQ $%d, DX", behind),
		fmt.Sprintf("IMULQ $%d, R14", apart),
		"ADDQ R9, R14",
		"MOVQ R9, R11",
		"LEAQ both_buffer(SI), R12",
		"LEAQ both_other(SI), R13",
	)
	a.Lines(schedule.Lines...)
	a.Lines("PCALIGN $64")
	a.Label("step")
	a.Lines(interleave(rounds, second.Lines, head)...)
	a.Lines(h.check()...)
	a.Lines("MOVQ R9, R11", fmt.Sprintf("ADDQ $%d, R9", apart), "XCHGQ R12, R13", "CMPQ R9, R14", "JAE batch")
	a.Label("same")
	a.Lines("INCQ CX", "TESTL BX, BX", "JNZ hit")
	a.Label("next")
	a.Lines("CMPQ CX, DX", "JB step")
	leave(a, behind, h.Clean)
	a.Label("batch")
	a.Lines("MOVQ words+8(FP), R9")
	a.Lines(schedule.Lines...)
	a.Lines("JMP same")
	return max(schedule.Spills, second.Spills)
}

// interleave spreads the lines of b evenly between those of a. The first head
// lines of b come before all.
func interleave(a, b []string, head int) []string {
	lines := slices.Clone(b[:head])
	b = b[head:]
	done := 0
	for i, line := range a {
		lines = append(lines, line)
		for ; done*len(a) < (i+1)*len(b) && done < len(b); done++ {
			lines = append(lines, b[done])
		}
	}
	return append(lines, b[done:]...)
}

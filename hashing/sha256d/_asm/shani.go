package main

import "fmt"

// The SHA extensions do two rounds at once, on a state in two registers (abef and
// cdgh, as the manual calls them: f, e, b, a from the lowest word up, and h, g, d,
// c) with K + W of both rounds in X0. They make the message schedule four words
// at a time. One hash is a chain of dependent instructions, so several nonces go
// side by side, one in each stream.
type shaNI struct {
	streams int
	Processor
	p     Program
	known *Known
	table Memory // where the prepared ones are
}

// quad is four words in one register, from the lowest up.
type quad [4]*Word

// newSHANI has the table of prepared words at a place: with the kernel's memory,
// which is aligned, or elsewhere.
func newSHANI(streams int, constants *Table, table Memory) *shaNI {
	s := &shaNI{streams: streams, known: &Known{Constants: constants}, table: table}
	s.Processor = Processor{
		FromMemory: func(_ *Instruction, m *Memory) bool { return m.Base != prepared.Base },
		Load:       func(m *Memory, r string) string { return fmt.Sprintf("MOVOU %s, %s", m, r) },
		Store:      func(r string, m *Memory) string { return fmt.Sprintf("MOVO %s, %s", r, m) },
		Copy:       func(from, to string) string { return fmt.Sprintf("MOVO %s, %s", from, to) },
		Spill:      func(n int) *Memory { return s.field("spill").At(16 * n) },
		Print:      printSHANI,
	}
	for i := 1; i < 16; i++ { // X0 is K + W
		s.Registers = append(s.Registers, fmt.Sprintf("X%d", i))
	}
	return s
}

func (s *shaNI) field(name string) Memory { return streamsField(name) }

func streamsField(name string) Memory { return Memory{Base: memory, Field: "streams_" + name} }

// printSHANI prints what reads or writes X0 and BX, and the rest as it is.
func printSHANI(in *Instruction, o *Operands) []string {
	switch {
	case in.Name == "MOVMSKPS":
		return []string{fmt.Sprintf("MOVMSKPS %s, BX", o.Sources[0])}
	case in.Name == "SHA256RNDS2":
		return []string{fmt.Sprintf("SHA256RNDS2 X0, %s, %s", o.Sources[1], o.Sources[0])}
	case len(o.Sources) == 0:
		return []string{fmt.Sprintf("%s %sX0, X0", in.Name, immediate(in))}
	case in.Result == nil && in.Place == nil:
		return []string{fmt.Sprintf("%s %s%s, X0", in.Name, immediate(in), o.Sources[0])}
	}
	return printTwo(in, o)
}

// do appends an instruction whose first source is destroyed.
func (s *shaNI) do(name string, number int, sources ...*Value) *Value {
	return s.p.Do(Instruction{Name: name, Number: number, Destroys: true}, sources...)
}

func (s *shaNI) add(a, b *Value) *Value {
	return s.p.Do(Instruction{Name: "PADDL", Destroys: true, Commutes: true}, a, b)
}

func (s *shaNI) shuffle(order int, v *Value) *Value {
	return s.p.Do(Instruction{Name: "PSHUFD", Number: order}, v)
}

// toX0 appends an instruction that writes X0, or reads it only.
func (s *shaNI) toX0(name string, number int, sources ...*Value) {
	s.p.Code = append(s.p.Code, &Instruction{Name: name, Number: number, Sources: sources})
}

// place is where four known words are, in one of the tables.
func (s *shaNI) place(q quad) *Memory {
	table, base := s.known.Constants, Memory{Base: constants.Base}
	for _, w := range q {
		if w.When == Prepared {
			table, base = &s.known.Prepared, s.table
		}
	}
	return base.At(4 * table.Run(q[:]...))
}

func (s *shaNI) constant(q quad) *Value { return &Value{Home: s.place(q)} }

func constQuad(v [4]uint32) (q quad) {
	for i := range q {
		q[i] = Const(v[i])
	}
	return q
}

func (q quad) known() bool {
	for _, w := range q {
		if w.When == Scanned {
			return false
		}
	}
	return true
}

func (q quad) zero() bool {
	for _, w := range q {
		if w.When != Generated || w.Value != 0 {
			return false
		}
	}
	return true
}

// stream is the hash of one nonce: its state, and the schedule so far by groups of
// four words. Those that are known are nil.
type stream struct {
	abef, cdgh *Value
	w          [16]*Value
	kw         [16]*Memory // where K + W is, if it is made already
}

// group is words 4g to 4g+3.
func group(w *[64]*Word, g int) quad { return quad(w[4*g : 4*g+4]) }

// halves are the words of a state as the two registers have them.
func halves(s [8]*Word) (abef, cdgh quad) {
	return quad{s[5], s[4], s[1], s[0]}, quad{s[7], s[6], s[3], s[2]}
}

// knownPart is what is known of the words: each is known, or has a known part
// that the rest is added to.
func (q quad) knownPart() (part quad) {
	for i, w := range q {
		if w.When == Scanned {
			w = w.Args[1]
		}
		part[i] = w
	}
	return part
}

// one emits the kernel that does everything for each midstate.
func (s *shaNI) one(a *Assembly, search *Search) (spills int) {
	spread, w16 := s.nonces(search)
	streams := s.begin(search, spread)
	for i, st := range streams {
		st.w[4] = w16[i]
	}
	s.hash(search, streams)
	code := s.Allocate(s.p.Code)
	a.Function(fmt.Sprintf("%d nonces side by side.", s.streams), "scanSHANI", arguments)
	enter(a)
	each(a, code.Lines, 0)
	return code.Spills
}

// versions emits the kernel that makes a schedule once for all midstates. It is
// made by another, whose prepared words are elsewhere.
func (s *shaNI) versions(a *Assembly, search *Search, schedule *shaNI) (spills int) {
	rows := schedule.rows(search)
	var spread []*Value
	for i := range s.streams {
		spread = append(spread, &Value{Home: s.field("nonce").At(16 * i)})
	}
	streams := s.begin(search, spread)
	for i, st := range streams {
		for g := 4; g < 16; g++ {
			st.kw[g] = s.row(i, g)
		}
	}
	s.hash(search, streams)
	code := s.Allocate(s.p.Code)
	a.Function(fmt.Sprintf("%d nonces side by side, one message schedule for many midstates.", s.streams), "scanSHANIVersions", arguments)
	enter(a)
	eachVersion(a, rows.Lines, code.Lines, 4*len(s.known.Prepared.Words))
	return max(rows.Spills, code.Spills)
}

// row is where K + W of a stream's group is.
func (s *shaNI) row(stream, g int) *Memory { return s.field("rows").At(16 * (12*stream + g - 4)) }

// rows makes the lines that put the header's schedules into memory.
func (s *shaNI) rows(search *Search) *Code {
	spread, w16 := s.nonces(search)
	store := func(v *Value, m *Memory) { s.p.Store(Instruction{Name: "MOVO"}, v, m) }
	for i, w := range w16 {
		store(spread[i], s.field("nonce").At(16*i))
		st := &stream{}
		st.w[4] = w
		for g := 4; g < 16; g++ {
			s.schedule(search, search.Header, st, g)
			store(s.add(st.w[g], s.constant(constQuad([4]uint32(roundConstants[4*g:])))), s.row(i, g))
		}
	}
	return s.Allocate(s.p.Code)
}

// hash does all rounds of both blocks and compares.
func (s *shaNI) hash(search *Search, streams []*stream) {
	s.rounds(search, search.Header, streams, 1, 15)
	s.digest(search, streams)
	s.rounds(search, search.Digest, streams, 0, 14)
	s.last(search, streams)
}

// nonces makes, for each stream's nonce, what the state takes of it, and the first
// words of the schedule in which it is.
func (s *shaNI) nonces(search *Search) (spread, w16 []*Value) {
	next := &Value{Home: s.field("nonces").At(0)}
	swap := &Value{Home: s.field("swap").At(0)}
	nonces := s.do("PSHUFB", 0, next, swap)
	s.p.Store(Instruction{Name: "MOVO"}, s.add(next, &Value{Home: s.field("step").At(0)}), s.field("nonces").At(0))
	sigmas := s.sigma(SmallSigma0, nonces)
	pairs := []*Value{s.do("PUNPCKLLQ", 0, sigmas, nonces), s.do("PUNPCKHLQ", 0, sigmas, nonces)}
	ones := uint32(1<<32 - 1)
	odd, high := s.constant(constQuad([4]uint32{0, ones, 0, ones})), s.constant(constQuad([4]uint32{0, 0, ones, ones}))
	known := s.constant(group(&search.Header.W, 4).knownPart())
	for i := range s.streams {
		spread = append(spread, s.do("PAND", 0, s.shuffle(0x55*i, nonces), odd))
		pair := s.do("PAND", 0, s.shuffle([]int{0x44, 0xee}[i%2], pairs[i/2]), high)
		w16 = append(w16, s.add(pair, known))
	}
	return spread, w16
}

// begin begins the streams with the state before round 4, the first whose words
// are known again.
func (s *shaNI) begin(search *Search, spread []*Value) (streams []*stream) {
	abef, cdgh := halves(search.Header.State[4])
	for _, nonce := range spread {
		streams = append(streams, &stream{
			abef: s.add(nonce, s.constant(abef.knownPart())),
			cdgh: s.constant(cdgh),
		})
	}
	return streams
}

// sigma is for four words.
func (s *shaNI) sigma(op Op, x *Value) *Value {
	sg := sigmas[op]
	sum := s.do("PSRLL", sg.Third, x)
	for _, n := range []int{sg.First, sg.Second} {
		sum = s.do("PXOR", 0, sum, s.do("PSRLL", n, x))
		sum = s.do("PXOR", 0, sum, s.do("PSLLL", 32-n, x))
	}
	return sum
}

// rounds does rounds by groups of four, of all streams in turn. The schedule is a
// group ahead, so that rounds do not wait for it.
func (s *shaNI) rounds(search *Search, blk *Block, streams []*stream, first, last int) {
	for g := first; g <= last; g++ {
		for _, st := range streams {
			s.schedule(search, blk, st, g)
			s.schedule(search, blk, st, min(g+1, 15))
			s.twoRounds(blk, st, g)
			if kw := s.made(blk, st, g); kw != nil {
				s.toX0("MOVQ", 0, &Value{Home: kw.At(8)})
			} else {
				s.toX0("PSHUFD", 0x0e)
			}
			s.round(st)
		}
	}
}

// made is where K + W is in memory, or nil.
func (s *shaNI) made(blk *Block, st *stream, g int) *Memory {
	if kw := group(&blk.KW, g); kw.known() {
		return s.place(kw)
	}
	return st.kw[g]
}

// twoRounds does the first half of a group and leaves K + W of all of it in X0.
func (s *shaNI) twoRounds(blk *Block, st *stream, g int) {
	if kw := s.made(blk, st, g); kw != nil {
		s.toX0("MOVQ", 0, &Value{Home: kw})
	} else {
		s.toX0("MOVO", 0, s.constant(constQuad([4]uint32(roundConstants[4*g:]))))
		s.toX0("PADDL", 0, st.w[g])
	}
	s.round(st)
}

func (s *shaNI) round(st *stream) {
	st.abef, st.cdgh = s.do("SHA256RNDS2", 0, st.cdgh, st.abef), st.abef
}

// schedule makes a group of the schedule, unless it is known or made.
func (s *shaNI) schedule(search *Search, blk *Block, st *stream, g int) {
	if st.w[g] != nil || s.made(blk, st, g) != nil {
		return
	}
	w := func(g int) *Value {
		if st.w[g] == nil {
			return s.constant(group(&blk.W, g))
		}
		return st.w[g]
	}
	var sum *Value // W[t-16] + s0(W[t-15])
	var known quad
	for i := range known {
		t := 4*g + i
		known[i] = search.Add(blk.W[t-16], search.Apply(SmallSigma0, blk.W[t-15]))
	}
	if !known.known() {
		sum = s.do("SHA256MSG1", 0, w(g-4), w(g-3))
		known = constQuad([4]uint32{})
	}
	if seven := quad(blk.W[4*g-7 : 4*g-3]); seven.known() {
		for i := range known {
			known[i] = search.Add(known[i], seven[i])
		}
	} else {
		aligned := s.do("PALIGNR", 4, w(g-1), w(g-2))
		if sum == nil {
			sum = aligned
		} else {
			sum = s.add(sum, aligned)
		}
	}
	switch {
	case sum == nil:
		sum = s.constant(known)
	case !known.zero():
		sum = s.add(sum, s.constant(known))
	}
	st.w[g] = s.do("SHA256MSG2", 0, sum, w(g-1))
}

// digest makes the header's digest the message of the second hash.
func (s *shaNI) digest(search *Search, streams []*stream) {
	abef, cdgh := halves(search.Header.State[0])
	initialABEF, initialCDGH := halves(search.Digest.State[0])
	for _, st := range streams {
		x, y := s.add(st.abef, s.constant(abef)), s.add(st.cdgh, s.constant(cdgh))
		*st = stream{abef: s.constant(initialABEF), cdgh: s.constant(initialCDGH)}
		st.w[1] = s.shuffle(0xb1, s.do("PUNPCKLQDQ", 0, x, y)) // e, f, g, h
		st.w[0] = s.shuffle(0xb1, s.do("PUNPCKHQDQ", 0, x, y)) // a, b, c, d
	}
}

// last does the last round that counts, number 60, and compares. Two rounds go
// together: what was e after one is f after both, the lowest word of abef.
func (s *shaNI) last(search *Search, streams []*stream) {
	var f []*Value
	for _, st := range streams {
		s.schedule(search, search.Digest, st, 15)
		s.twoRounds(search.Digest, st, 15)
		f = append(f, st.abef)
	}
	low, high := s.do("PUNPCKLLQ", 0, f[0], f[1]), s.do("PUNPCKLLQ", 0, f[2], f[3])
	last := s.do("PUNPCKLQDQ", 0, low, high)
	h := Const(initialState[7])
	last = s.do("PSHUFB", 0, s.add(last, s.constant(quad{h, h, h, h})), &Value{Home: s.field("swap").At(0)})
	// At or below is equal to the lesser.
	lesser := s.do("PMINUD", 0, last, &Value{Home: s.field("top").At(0)})
	s.toX0("MOVMSKPS", 0, s.do("PCMPEQL", 0, lesser, last))
}

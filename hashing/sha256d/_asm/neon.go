package main

import "slices"

// NEON, the vector unit of arm and arm64, has four lanes. It has no rotation, but
// an instruction that shifts and inserts: a rotation is two instructions. It has
// bit-wise choices, whose destination is one of the three operands.
//
//	VUSHR  shift right                       VBSL  where the first has ones the second, else the third
//	VSLI   shift the second left by so       VBIT  where the third has ones the second, else the first
//	       many, keep the first's low bits

// NEON describes the kernels of one of them.
type NEON struct {
	Processor
	Base                string // register that points to the memory, a lanes128
	Constants, Prepared string // registers that read the tables
	// These print the functions, with the step's last word in a register.
	One      func(a *Assembly, step []string, last string)
	Versions func(a *Assembly, schedule, step []string, last string)
	// Finish, if not nil, is for code that the allocator has made.
	Finish func(lines []string) []string

	streams *Streams // of the part that is being made
}

// row is a row of the memory, a word for each lane.
func (n *NEON) row(name string, i int) *Memory {
	return Memory{Base: n.Base, Field: "lanes128_" + name}.At(16 * i)
}

// generate emits the kernels, and the Go code for their tables.
func (n *NEON) generate(a *Assembly, src *Source) {
	whole := NewSearch(Whole)
	one := n.one(a, src, whole)
	many := n.versions(a, src, whole, NewSearch(Schedule))
	src.Constant("scheduleRows", len(whole.rows()))
	src.Constant("spillsNEON", max(one, many))
}

// begin starts a part with streams of its own.
func (n *NEON) begin() *Program {
	n.streams = NewStreams(n.Constants, n.Prepared)
	return &Program{Known: n.streams.In, Lower: lowerNEON}
}

func (n *NEON) allocate(p *Program, results ...*Value) *Code {
	code := n.Allocate(p.Code, results...)
	if n.Finish != nil {
		code.Lines = n.Finish(code.Lines)
	}
	return code
}

// nonces appends the words of this step's nonces, and advances to the next's.
func (n *NEON) nonces(p *Program) *Value {
	next := &Value{Home: n.row("nonces", 0)}
	nonce := p.Do(Instruction{Name: "VREV32"}, next)
	p.Store(Instruction{}, p.Do(Instruction{Name: "VADD"}, next, &Value{Home: n.row("step", 0)}), n.row("nonces", 0))
	return nonce
}

// one emits the kernel that does everything for each midstate.
func (n *NEON) one(a *Assembly, src *Source, s *Search) (spills int) {
	p := n.begin()
	live := s.ahead(s.Live(s.Last))
	p.Set(input(live, "nonce"), n.nonces(p))
	p.Run(live)
	code := n.allocate(p, p.Value(s.Last))
	n.One(a, code.Lines, code.Results[0])
	a.Words("wholeNEON", n.streams.Constants.Values())
	src.Prepare("prepareWhole", "wholeWords", &s.Graph, &n.streams.Prepared.Table)
	return code.Spills
}

// versions emits the kernel that makes a schedule once for all midstates.
func (n *NEON) versions(a *Assembly, src *Source, whole, s *Search) (spills int) {
	schedule := n.schedule(whole)
	rows := n.streams

	p := n.begin()
	live := s.ahead(s.Live(s.Last))
	p.Set(input(live, "nonce"), &Value{Home: n.row("nonce", 0)})
	for i, kw := range s.inputs() {
		p.Set(kw, &Value{Home: n.row("rows", i)})
	}
	p.Run(live)
	code := n.allocate(p, p.Value(s.Last))
	n.Versions(a, schedule.Lines, code.Lines, code.Results[0])
	a.Words("rowsNEON", rows.Constants.Values())
	a.Words("versionNEON", n.streams.Constants.Values())
	src.Prepare("prepareRows", "rowsWords", &whole.Graph, &rows.Prepared.Table)
	src.Prepare("prepareVersion", "versionWords", &s.Graph, &n.streams.Prepared.Table)
	return max(schedule.Spills, code.Spills)
}

// schedule makes the lines that put the rows of a batch into memory.
func (n *NEON) schedule(s *Search) *Code {
	p := n.begin()
	rows := s.rows()
	live := s.Live(rows...)
	nonce := n.nonces(p)
	p.Store(Instruction{}, nonce, n.row("nonce", 0))
	p.Set(input(live, "nonce"), nonce)
	for _, w := range live {
		p.Run([]*Word{w})
		if i := slices.Index(rows, w); i >= 0 {
			p.Store(Instruction{}, p.Value(w), n.row("rows", i))
		}
	}
	return n.allocate(p)
}

// inputs are the words that stand for the rows, in a search with its Schedule cut.
func (s *Search) inputs() (inputs []*Word) {
	for t, kw := range s.Header.KW {
		if kw.Op == Input && t >= 16 {
			inputs = append(inputs, kw)
		}
	}
	return inputs
}

// lowerNEON is for both: they have the same instructions, and emitters print them
// differently. Instructions that destroy an operand have it first.
func lowerNEON(p *Program, w *Word, x []*Value) *Value {
	two := func(name string, a, b *Value) *Value { return p.Do(Instruction{Name: name, Commutes: true}, a, b) }
	shift := func(n int) *Value { return p.Do(Instruction{Name: "VUSHR", Number: n}, x[0]) }
	rotate := func(n int) *Value {
		return p.Do(Instruction{Name: "VSLI", Number: 32 - n, Destroys: true}, shift(n), x[0])
	}
	switch w.Op {
	case Add:
		return two("VADD", x[0], x[1])
	case Ch: // g, with f where e has ones
		return p.Do(Instruction{Name: "VBIT", Destroys: true}, x[2], x[1], x[0])
	case Maj: // where a and b differ c decides
		return p.Do(Instruction{Name: "VBSL", Destroys: true}, two("VEOR", x[0], x[1]), x[2], x[1])
	}
	s := sigmas[w.Op]
	sum := two("VEOR", rotate(s.First), rotate(s.Second))
	if s.Shift {
		return two("VEOR", sum, shift(s.Third))
	}
	return two("VEOR", sum, rotate(s.Third))
}

// ahead puts words into an order in which a choice may destroy g: in the next
// round, where g is h, all that happens to it is that K + W is added, and that can
// come first.
func (s *Search) ahead(words []*Word) []*Word {
	first := map[*Word]*Word{} // of a choice: what comes before it
	for _, blk := range []*Block{s.Header, s.Digest} {
		for t := range 63 {
			st := blk.State[t]
			if st[6].When == Scanned {
				first[s.Apply(Ch, st[4], st[5], st[6])] = s.Add(st[6], blk.KW[t+1])
			}
		}
	}
	live := map[*Word]bool{}
	for _, w := range words {
		live[w] = true
	}
	var order []*Word
	done := map[*Word]bool{}
	var visit func(w *Word)
	visit = func(w *Word) {
		if w == nil || done[w] || !live[w] {
			return
		}
		for _, a := range w.Args {
			visit(a)
		}
		visit(first[w])
		done[w] = true
		order = append(order, w)
	}
	for _, w := range words {
		visit(w)
	}
	return order
}

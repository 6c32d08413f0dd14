package main

// NEON, the vector unit of arm and arm64, has four lanes. It has no rotation, but
// an instruction that shifts and inserts: a rotation is two instructions. It has
// bit-wise choices, whose destination is one of the three operands.
//
//	VUSHR  shift right                       VBSL  where the first has ones the second, else the third
//	VSLI   shift the second left by so       VBIT  where the third has ones the second, else the first
//	       many, keep the first's low bits

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

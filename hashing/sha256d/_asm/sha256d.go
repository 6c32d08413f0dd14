package main

// Block is one run of the compression function, with all its words.
type Block struct {
	W     [64]*Word    // the message schedule
	KW    [64]*Word    // K + W: all that the rounds take from the schedule
	State [65][8]*Word // a to h before each round, and after the last
	Sum   [8]*Word     // the new state
}

// compress does one block (6.2.2). Each word of the schedule comes so many rounds
// ahead of the one that takes it: few keep few words alive, many let a processor
// that reorders instructions find more that can be done. take, if not nil, may put
// another word in the place of K + W.
func (g *Graph) compress(state [8]*Word, message [16]*Word, ahead int, take func(t int, kw *Word) *Word) *Block {
	var blk Block
	copy(blk.W[:], message[:])
	blk.State[0] = state
	made := 16
	for t := range 64 {
		w := &blk.W
		for ; made < 64 && made <= t+ahead; made++ {
			w[made] = g.Add(g.Apply(SmallSigma0, w[made-15]), w[made-16], w[made-7], g.Apply(SmallSigma1, w[made-2]))
		}
		kw := g.Add(w[t], Const(roundConstants[t]))
		if take != nil {
			kw = take(t, kw)
		}
		blk.KW[t] = kw
		blk.State[t+1] = g.round(blk.State[t], kw)
	}
	for i, w := range blk.State[64] {
		blk.Sum[i] = g.Add(w, state[i])
	}
	return &blk
}

func (g *Graph) round(s [8]*Word, kw *Word) [8]*Word {
	a, b, c, d, e, f, gg, h := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
	t1 := g.Add(h, kw, g.Apply(Ch, e, f, gg), g.Apply(BigSigma1, e))
	t2 := g.Add(g.Apply(Maj, a, b, c), g.Apply(BigSigma0, a))
	return [8]*Word{g.Add(t2, t1), a, b, c, g.Add(d, t1), e, f, gg}
}

// Search is the computation that every kernel does: the header's second block,
// and the hash of the digest up to the word that holds the result's top 32 bits.
// The header's first block is in the midstate.
//
// What kernels save is not written here, it follows. The rounds before the nonce
// comes in, and the words of the schedule without it, are Prepared. Constants
// are folded into each other. What Last is not made of is not Live: the end of
// the second hash.
type Search struct {
	Graph
	Header *Block // its second half
	Digest *Block // the message is the header's digest
	Last   *Word
}

// Cut says what is not in the graph because another part of the kernel makes it.
type Cut int

const (
	// Whole cuts nothing.
	Whole Cut = iota
	// Schedule makes inputs of the header's K + W where the nonce is in them:
	// several midstates are hashed under one schedule.
	Schedule
	// Rounds makes an input of the state after the header's last round.
	Rounds
)

// NewSearch makes the graph, in an order that needs few registers.
func NewSearch(cut Cut) *Search { return NewSearchAhead(cut, 0) }

// NewSearchAhead makes it with the schedules so many rounds ahead.
func NewSearchAhead(cut Cut, ahead int) *Search {
	var s Search
	header := s.message(8*80,
		s.Input("tail[0]", Prepared), // end of the merkle root
		s.Input("tail[1]", Prepared), // ntime
		s.Input("tail[2]", Prepared), // nbits
		s.Input("nonce", Scanned))
	mid := s.Inputs("mid", Prepared)
	s.Header = s.compress(mid, header, ahead, func(t int, kw *Word) *Word {
		if cut == Schedule && t >= 16 && kw.When == Scanned {
			return s.Input(named("kw", t), Scanned)
		}
		return kw
	})
	if cut == Rounds {
		for i, w := range s.Inputs("state", Scanned) {
			s.Header.Sum[i] = s.Add(w, mid[i])
		}
	}
	var initial [8]*Word
	for i, v := range initialState {
		initial[i] = Const(v)
	}
	s.Digest = s.compress(initial, s.message(8*32, s.Header.Sum[:]...), ahead, nil)
	// That is the last word of the digest's sum, and what it is made of is round
	// 60's new e: the initial state's word goes into the constant.
	s.Last = s.round(s.Digest.State[60], s.Add(s.Digest.KW[60], s.Digest.State[0][7]))[4]
	return &s
}

// message pads words to a block, the last of a message of so many bits (5.1.1).
func (s *Search) message(bits uint32, words ...*Word) (m [16]*Word) {
	for i := range m {
		m[i] = Const(0)
	}
	copy(m[:], words)
	m[len(words)] = Const(0x80000000)
	m[15] = Const(bits)
	return m
}

// rows are the words of the header's schedule, K included, that depend on the
// nonce: the inputs of a search with its Schedule cut.
func (s *Search) rows() (rows []*Word) {
	for _, kw := range s.Header.KW[16:] {
		if kw.When == Scanned {
			rows = append(rows, kw)
		}
	}
	return rows
}

package main

// Streams are tables of known words that a kernel reads from front to back, each
// through a register that moves on by itself. NEON has no load that puts one word
// into every lane and takes an offset, but it has one that moves its register. So
// the tables are written after registers are chosen: they have the known words in
// the order in which they are loaded, some of them twice.
type Streams struct {
	Constants, Prepared Stream

	words map[*Memory]*Word
}

// Stream is one of the two.
type Stream struct {
	Table
	Register string
}

// NewStreams makes two empty ones, read through these registers.
func NewStreams(constants, prepared string) *Streams {
	return &Streams{
		Constants: Stream{Register: constants},
		Prepared:  Stream{Register: prepared},
		words:     map[*Memory]*Word{},
	}
}

// In is the place of a known word: wherever its stream will be.
func (s *Streams) In(w *Word) *Memory {
	m := &Memory{One: true}
	s.words[m] = w
	return m
}

// Load reads the next word of a stream if m is the place of a known word: the
// caller prints a load through the register, which moves on.
func (s *Streams) Load(m *Memory) (register string, ok bool) {
	w := s.words[m]
	if w == nil {
		return "", false
	}
	t := &s.Prepared
	if w.When == Generated {
		t = &s.Constants
	}
	t.Words = append(t.Words, w)
	return t.Register, true
}

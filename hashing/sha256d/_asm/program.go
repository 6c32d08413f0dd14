package main

import "slices"

// Table is a list of known words in memory, in the order in which kernels first
// need them.
type Table struct {
	Words []*Word
}

// Index is the position of a word that is in the table, or -1.
func (t *Table) Index(w *Word) int {
	for i, old := range t.Words {
		if old == w || w.When == Generated && old.Value == w.Value {
			return i
		}
	}
	return -1
}

// Run is the index of words that must be in a row, at a multiple of their number.
// They are put there if they are not.
func (t *Table) Run(words ...*Word) int {
	same := func(a, b *Word) bool {
		return a == b || a.When == Generated && b.When == Generated && a.Value == b.Value
	}
	n := len(words)
	for i := 0; i+n <= len(t.Words); i += n {
		if slices.EqualFunc(t.Words[i:i+n], words, same) {
			return i
		}
	}
	for len(t.Words)%n != 0 {
		t.Words = append(t.Words, Const(0))
	}
	t.Words = append(t.Words, words...)
	return len(t.Words) - n
}

// Need puts a word into the table unless it is there.
func (t *Table) Need(w *Word) {
	if t.Index(w) < 0 {
		t.Words = append(t.Words, w)
	}
}

// Values are the words of a table of constants.
func (t *Table) Values() (v []uint32) {
	for _, w := range t.Words {
		v = append(v, w.Value)
	}
	return v
}

// Known are the two tables that a kernel reads: constants, and words that Go
// code prepares.
type Known struct {
	Constants *Table // shared by the kernels of a file
	Prepared  Table
}

// NewKnown puts what the scanned ones of the words are made of into tables.
func NewKnown(constants *Table, words []*Word) *Known {
	k := &Known{Constants: constants}
	for _, w := range words {
		for _, a := range w.Args {
			switch {
			case w.When < Scanned || a.When == Scanned:
			case a.When == Generated:
				constants.Need(a)
			default:
				k.Prepared.Need(a)
			}
		}
	}
	return k
}

// In is the place of a known word, if the tables are at these and a word takes so
// many bytes.
func (k *Known) In(size int, constants, prepared Memory) func(w *Word) *Memory {
	return func(w *Word) *Memory {
		table, at := &k.Prepared, prepared
		if w.When == Generated {
			table, at = k.Constants, constants
		}
		i := table.Index(w)
		if i < 0 {
			panic("a known word is in no table")
		}
		return at.At(size * i)
	}
}

// Program is the work for one step of a kernel, as instructions of a processor.
type Program struct {
	Code []*Instruction
	// Known says where a known word is in memory.
	Known func(w *Word) *Memory
	// Lower appends the instructions for a scanned word and returns its value:
	// the one thing that differs between processors.
	Lower func(p *Program, w *Word, args []*Value) *Value

	values map[*Word]*Value
}

// Set gives a word's value: that of an input.
func (p *Program) Set(w *Word, v *Value) {
	if p.values == nil {
		p.values = map[*Word]*Value{}
	}
	p.values[w] = v
}

// Run appends the instructions for the scanned ones of the words.
func (p *Program) Run(words []*Word) {
	for _, w := range words {
		if w.When != Scanned || p.values[w] != nil {
			continue
		}
		args := make([]*Value, len(w.Args))
		for i, a := range w.Args {
			args[i] = p.Value(a)
		}
		p.Set(w, p.Lower(p, w, args))
	}
}

// Value is the value of a word: known, or scanned and run already.
func (p *Program) Value(w *Word) *Value {
	switch v := p.values[w]; {
	case v != nil:
		return v
	case w.When == Scanned:
		panic("a word is used before it is made: " + w.Name)
	}
	v := &Value{Home: p.Known(w)}
	p.Set(w, v)
	return v
}

// Do appends an instruction and returns its result.
func (p *Program) Do(in Instruction, sources ...*Value) *Value {
	in.Sources, in.Result = sources, &Value{}
	p.Code = append(p.Code, &in)
	return in.Result
}

// Store appends a store.
func (p *Program) Store(in Instruction, v *Value, m *Memory) {
	in.Sources, in.Place = []*Value{v}, m
	p.Code = append(p.Code, &in)
}

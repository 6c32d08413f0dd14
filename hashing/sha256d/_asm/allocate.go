package main

import (
	"fmt"
	"slices"
)

// Value is what instructions work on. It is in a register, in memory, or both,
// as the allocator decides.
type Value struct {
	// Home is where the value is in memory from the start; nil if nowhere.
	Home *Memory
}

// Memory is a place: bytes after a field of what a register points to. The
// assembler knows fields by names that Go gives it in go_asm.h.
type Memory struct {
	Base   string // register
	Field  string // type_field, or empty
	Offset int
	// One is set if there is a single word that stands for all lanes.
	One bool
}

func (m Memory) String() string {
	if m.Field == "" {
		return fmt.Sprintf("%d(%s)", m.Offset, m.Base)
	}
	return fmt.Sprintf("(%s+%d)(%s)", m.Field, m.Offset, m.Base)
}

// At is the place so many bytes further on.
func (m Memory) At(offset int) *Memory {
	m.Offset += offset
	return &m
}

// Instruction is one instruction, or a few that belong together, before its
// registers are chosen.
type Instruction struct {
	Name    string
	Number  int      // an immediate operand
	Sources []*Value // what it reads
	Result  *Value   // what it makes; nil if nothing
	Place   *Memory  // where a store goes
	// Destroys says that the result goes to the register of the first source.
	Destroys bool
	// Commutes says that sources may change places. Print is told how they did.
	Commutes bool
}

// Operand is a register, or memory.
type Operand struct {
	Register string
	Memory   *Memory
}

func (o Operand) String() string {
	if o.Memory != nil {
		return o.Memory.String()
	}
	return o.Register
}

// Operands are those of an instruction, chosen.
type Operands struct {
	Sources []Operand
	Order   []int // Sources[i] is the instruction's source number Order[i]
	Result  string
}

// Processor is what the allocator must know of one.
type Processor struct {
	Registers []string
	// FromMemory tells whether an instruction can take its last source from
	// there. nil is never.
	FromMemory func(in *Instruction, m *Memory) bool
	// These print a line each; Print may print several.
	Load  func(m *Memory, register string) string
	Store func(register string, m *Memory) string
	Copy  func(from, to string) string
	Print func(in *Instruction, o *Operands) []string
	// Spill is the n-th place for values that there is no register for.
	Spill func(n int) *Memory
}

// Code is what the allocator makes.
type Code struct {
	Lines   []string
	Ends    []int    // of each instruction, how many lines there are up to it
	Spills  int      // places used
	Results []string // registers
	Loads   int      // lines that only move a value
	Stores  int
	Copies  int
}

// Allocate chooses registers for a straight line of instructions, and prints it.
// It walks once; when it runs out of registers it takes the one whose value is
// needed last (Belady's rule).
func (p *Processor) Allocate(program []*Instruction, results ...*Value) *Code {
	a := allocator{
		Processor: p,
		uses:      map[*Value][]int{},
		register:  map[*Value]string{},
		value:     map[string]*Value{},
		saved:     map[*Value]*Memory{},
	}
	for i, in := range program {
		for _, v := range in.Sources {
			a.uses[v] = append(a.uses[v], i)
		}
	}
	for _, v := range results {
		a.uses[v] = append(a.uses[v], len(program))
	}
	for i, in := range program {
		a.now = i
		a.step(in)
	}
	for _, v := range results {
		a.code.Results = append(a.code.Results, a.load(v, results))
	}
	return &a.code
}

type allocator struct {
	*Processor
	code     Code
	now      int              // position in the program
	uses     map[*Value][]int // positions
	register map[*Value]string
	value    map[string]*Value // the other way round
	saved    map[*Value]*Memory
	places   []*Memory // of values that were saved and are needed no more
	ended    []*Memory // will be such after the present instruction
}

// never is the next use of a value that has none.
const never = 1 << 30

// next is where the value is read after the present instruction.
func (a *allocator) next(v *Value) int {
	uses := a.uses[v]
	for len(uses) > 0 && uses[0] <= a.now {
		uses = uses[1:]
	}
	a.uses[v] = uses
	if len(uses) == 0 {
		return never
	}
	return uses[0]
}

func (a *allocator) step(in *Instruction) {
	o := &Operands{Order: a.order(in)}
	for i, n := range o.Order {
		v := in.Sources[n]
		if m := a.memory(v); i == len(o.Order)-1 && a.register[v] == "" && a.FromMemory != nil && a.FromMemory(in, m) {
			o.Sources = append(o.Sources, Operand{Memory: m})
		} else {
			o.Sources = append(o.Sources, Operand{Register: a.load(v, in.Sources)})
		}
	}
	if in.Destroys {
		a.freeFirst(in, o)
	}
	for _, v := range in.Sources {
		a.end(v)
	}
	switch {
	case in.Result == nil:
	case in.Destroys:
		o.Result = o.Sources[0].Register
		a.put(in.Result, o.Result)
	default:
		o.Result = a.vacant(nil)
		a.put(in.Result, o.Result)
	}
	a.code.Lines = append(a.code.Lines, a.Print(in, o)...)
	if in.Result != nil {
		a.end(in.Result)
	}
	a.code.Ends = append(a.code.Ends, len(a.code.Lines))
	a.places = append(a.places, a.ended...)
	a.ended = a.ended[:0]
}

// order is the sources' best order: in memory last, needed no more first.
func (a *allocator) order(in *Instruction) []int {
	order := make([]int, len(in.Sources))
	for i := range order {
		order[i] = i
	}
	if !in.Commutes {
		return order
	}
	slices.SortStableFunc(order, func(i, j int) int { return a.rank(in.Sources[i]) - a.rank(in.Sources[j]) })
	return order
}

func (a *allocator) rank(v *Value) int {
	switch {
	case a.register[v] != "" && a.next(v) == never:
		return 0
	case a.register[v] != "" && a.memory(v) != nil:
		return 1 // can be loaded again
	case a.register[v] != "":
		return 2
	case a.next(v) != never:
		return 3
	}
	return 4
}

// memory is where the value is in memory, or nil.
func (a *allocator) memory(v *Value) *Memory {
	if v.Home != nil {
		return v.Home
	}
	return a.saved[v]
}

// load makes sure that the value is in a register, and leaves the others named
// where they are.
func (a *allocator) load(v *Value, leave []*Value) string {
	if r := a.register[v]; r != "" {
		return r
	}
	m := a.memory(v)
	if m == nil {
		panic("a value is used before it is made")
	}
	r := a.vacant(leave)
	a.code.Lines = append(a.code.Lines, a.Load(m, r))
	a.code.Loads++
	a.put(v, r)
	return r
}

func (a *allocator) put(v *Value, r string) {
	a.register[v] = r
	a.value[r] = v
}

// vacant is a register without a value.
func (a *allocator) vacant(leave []*Value) string {
	var best string
	furthest := -1
	for _, r := range a.Registers {
		v := a.value[r]
		if v == nil {
			return r
		}
		next := 2 * a.next(v)
		if a.memory(v) != nil {
			next++ // of equals, one that needs no store
		}
		if next > furthest && !slices.Contains(leave, v) {
			best, furthest = r, next
		}
	}
	if best == "" {
		panic("too few registers")
	}
	a.evict(best)
	return best
}

func (a *allocator) evict(r string) {
	v := a.value[r]
	delete(a.register, v)
	delete(a.value, r)
	if a.memory(v) != nil {
		return
	}
	if n := len(a.places); n > 0 {
		a.saved[v] = a.places[n-1]
		a.places = a.places[:n-1]
	} else {
		a.saved[v] = a.Spill(a.code.Spills)
		a.code.Spills++
	}
	a.code.Lines = append(a.code.Lines, a.Store(r, a.saved[v]))
	a.code.Stores++
}

// freeFirst lets the instruction destroy its first operand.
func (a *allocator) freeFirst(in *Instruction, o *Operands) {
	v := in.Sources[o.Order[0]]
	r := o.Sources[0].Register
	if a.next(v) != never && a.memory(v) == nil {
		copied := a.vacant(in.Sources)
		a.code.Lines = append(a.code.Lines, a.Copy(r, copied))
		a.code.Copies++
		o.Sources[0].Register = copied
		return
	}
	delete(a.register, v)
	delete(a.value, r)
}

// end forgets a value that is needed no more.
func (a *allocator) end(v *Value) {
	if a.next(v) != never {
		return
	}
	if r := a.register[v]; r != "" {
		delete(a.register, v)
		delete(a.value, r)
	}
	if m := a.saved[v]; m != nil {
		a.ended = append(a.ended, m)
		delete(a.saved, v)
	}
}

package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// machine is a processor that computes: it runs the lines that it prints.
type machine struct {
	registers map[string]uint32
	memory    map[string]uint32
}

func (m *machine) run(t *testing.T, lines []string) {
	for _, line := range lines {
		f := strings.Fields(line)
		value := func(name string) uint32 {
			v, ok := m.registers[name]
			if strings.HasSuffix(name, ")") {
				v, ok = m.memory[name]
			}
			if !ok {
				t.Fatalf("%s: %s has no value", line, name)
			}
			return v
		}
		switch f[0] {
		case "move":
			v := value(f[1])
			if strings.HasSuffix(f[2], ")") {
				m.memory[f[2]] = v
			} else {
				m.registers[f[2]] = v
			}
		case "minus": // of the instruction's sources in their order
			m.registers[f[3]] = 3*value(f[1]) - value(f[2])
		}
	}
}

func testProcessor(registers int) *Processor {
	p := &Processor{
		FromMemory: func(*Instruction, *Memory) bool { return true },
		Load:       func(m *Memory, r string) string { return fmt.Sprint("move ", m, " ", r) },
		Store:      func(r string, m *Memory) string { return fmt.Sprint("move ", r, " ", m) },
		Copy:       func(from, to string) string { return fmt.Sprint("move ", from, " ", to) },
		Spill:      func(n int) *Memory { return &Memory{Base: "spill", Offset: n} },
	}
	p.Print = func(in *Instruction, o *Operands) []string {
		x, y := o.Sources[0], o.Sources[1]
		if in.Destroys && x.Register != o.Result {
			return []string{"destroys another register"}
		}
		if o.Order[0] == 1 {
			x, y = y, x
		}
		return []string{fmt.Sprintf("minus %v %v %s", x, y, o.Result)}
	}
	for i := range registers {
		p.Registers = append(p.Registers, fmt.Sprint("r", i))
	}
	return p
}

// Random programs compute the same with few registers as on paper.
func TestAllocate(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		m := &machine{registers: map[string]uint32{}, memory: map[string]uint32{}}
		values := map[*Value]uint32{}
		var all []*Value
		for i := range 4 {
			v := &Value{Home: &Memory{Base: "home", Offset: i}}
			values[v] = r.Uint32()
			m.memory[v.Home.String()] = values[v]
			all = append(all, v)
		}
		var p Program
		for range 60 {
			a, b := all[r.IntN(len(all))], all[r.IntN(len(all))]
			if a == b {
				continue
			}
			v := p.Do(Instruction{Destroys: r.IntN(2) == 0, Commutes: r.IntN(2) == 0}, a, b)
			values[v] = 3*values[a] - values[b]
			all = append(all, v)
		}
		result := all[len(all)-1]
		code := testProcessor(3+r.IntN(6)).Allocate(p.Code, result)
		m.run(t, code.Lines)
		if got := m.registers[code.Results[0]]; got != values[result] {
			t.Fatalf("result %d, want %d, of\n%s", got, values[result], strings.Join(code.Lines, "\n"))
		}
	}
}

package main

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// evaluation computes a graph's words in Go.
type evaluation map[*Word]uint32

func (v evaluation) of(w *Word) uint32 {
	if w.When == Generated {
		return w.Value
	}
	x, ok := v[w]
	if !ok {
		panic("used before it is made: " + w.Name)
	}
	return x
}

func (v evaluation) run(words []*Word, input map[string]uint32) {
	for _, w := range words {
		if w.Op == Input {
			v[w] = input[w.Name]
		} else {
			v[w] = w.eval(v.of)
		}
	}
}

// inputs are a random header's, with the hash's last word.
func inputs(r *rand.Rand) (in map[string]uint32, last uint32) {
	var header [80]byte
	for i := range header {
		header[i] = byte(r.Uint32())
	}
	first := sha256.Sum256(header[:])
	hash := sha256.Sum256(first[:])
	var words [20]*Word
	for i := range words {
		words[i] = Const(binary.BigEndian.Uint32(header[4*i:]))
	}
	var initial [8]*Word
	for i, v := range initialState {
		initial[i] = Const(v)
	}
	var g Graph
	mid := g.compress(initial, [16]*Word(words[:16]), 0, nil).Sum
	in = map[string]uint32{
		"tail[0]": words[16].Value, "tail[1]": words[17].Value, "tail[2]": words[18].Value, "nonce": words[19].Value,
	}
	for i, w := range mid {
		in[named("mid", i)] = w.Value
	}
	return in, binary.BigEndian.Uint32(hash[28:])
}

func TestSearch(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		s := NewSearch(Whole)
		in, last := inputs(r)
		v := evaluation{}
		v.run(s.Live(s.Last), in)
		if got := v.of(s.Last); got != last {
			t.Fatalf("last word %08x, want %08x", got, last)
		}
		// With a cut, the words that are inputs have the values that they had.
		v.run(s.Words, in)
		for i, kw := range s.Header.KW {
			in[named("kw", i)] = v.of(kw)
		}
		for i, w := range s.Header.State[64] {
			in[named("state", i)] = v.of(w)
		}
		for _, cut := range []Cut{Whole, Schedule, Rounds} {
			s, v := NewSearchAhead(cut, r.IntN(8)), evaluation{}
			v.run(s.Live(s.Last), in)
			if got := v.of(s.Last); got != last {
				t.Fatalf("cut %d: last word %08x, want %08x", cut, got, last)
			}
		}
	}
}

// The work for each nonce, which no emitter can get below.
func TestOperations(t *testing.T) {
	for cut, most := range map[Cut]int{Whole: 1679, Schedule: 1443} {
		count := map[Op]int{}
		scanned := 0
		s := NewSearch(cut)
		for _, w := range s.Live(s.Last) {
			if w.When == Scanned && w.Op != Input {
				count[w.Op]++
				scanned++
			}
		}
		t.Logf("cut %d: %d operations: %v", cut, scanned, count)
		if scanned > most {
			t.Errorf("cut %d: %d operations for a nonce, were at most %d", cut, scanned, most)
		}
	}
}

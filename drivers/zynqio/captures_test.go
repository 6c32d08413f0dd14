package zynqio_test

import (
	"encoding/json"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/lodefw/lode/drivers/zynqio"
	"github.com/lodefw/lode/internal/captures"
)

// solution is a vector of s9-fpga-workrx: the core's two words, and what is in them.
type solution struct {
	Word1, Word2, Nonce string
	Midstates           int
	WorkID              uint16 `json:"work_id"`
	Midstate            int    `json:"midstate_idx"`
}

func word(t *testing.T, text string) uint32 {
	t.Helper()
	v, err := strconv.ParseUint(text, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(v)
}

// The core's solutions are taken apart as its makers' tests do.
func TestSolutionCaptures(t *testing.T) {
	for _, name := range captures.Files(t, "s9-fpga-workrx", ".json") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var file struct{ Vectors []solution }
		if err := json.Unmarshal(text, &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, v := range file.Vectors {
			checkSolution(t, v)
		}
	}
}

func checkSolution(t *testing.T, v solution) {
	t.Helper()
	_, w := bench(t)
	words := []uint32{word(t, v.Word1), word(t, v.Word2)}
	w.WorkRx.(*memory).read = func(offset uint32) (r uint32) {
		if offset == 0 { // the FIFO; any other register says that it has something
			r, words = words[0], words[1:]
		}
		return r
	}
	c, err := zynqio.New(w)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Pace(v.Midstates, 10*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	id, midstate, nonce, err := c.Solution()
	if err != nil || id != v.WorkID || midstate != v.Midstate || nonce != word(t, v.Nonce) {
		t.Errorf("%s %s: work %d, midstate %d, nonce %08x, %v; want %d, %d, %s", v.Word1, v.Word2, id, midstate, nonce, err, v.WorkID, v.Midstate, v.Nonce)
	}
}

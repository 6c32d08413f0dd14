package laptop

import (
	"fmt"
	"testing"
)

func TestNew(t *testing.T) {
	for _, c := range []struct {
		cfg Config
		ok  bool
	}{
		{Config{}, true},
		{Config{Threads: 1, Duty: 50, NormalPriority: true}, true},
		{Config{Threads: MaxThreads()}, true},
		{Config{Threads: MaxThreads() + 1}, false},
		{Config{Threads: -1}, false},
		{Config{Duty: 101}, false},
		{Config{Kernel: "abacus"}, false},
	} {
		b, err := New(c.cfg)
		if (err == nil) != c.ok {
			t.Errorf("New(%+v) = %v", c.cfg, err)
		}
		if c.ok && (len(b.Hashers()) != 1 || b.HashRate() <= 0) {
			t.Errorf("New(%+v) has hashers %v, rate %v", c.cfg, b.Hashers(), b.HashRate())
		}
	}
}

func Example() {
	board, err := New(Config{Threads: 1, Duty: 50})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(board, "has", len(board.Hashers()), "hasher")
	// Output: laptop has 1 hasher
}

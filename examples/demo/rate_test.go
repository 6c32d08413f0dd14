package main

import (
	"strings"
	"testing"

	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/internal/cli"
)

// The pool is told what will mine, and a board that there is none of is told to people.
func TestHashRate(t *testing.T) {
	for _, board := range []string{"", "bitaxe-gamma"} {
		text, err := (&options{board: board, threads: 1}).hashRate()
		if err != nil {
			t.Fatal(err)
		}
		if v, err := hashing.ParseRate(text); err != nil || v < 50e3 {
			t.Errorf("board %q: %q, %v", board, text, err)
		}
	}
	_, err := (&options{board: "bitaxe-gama"}).hashRate()
	if cli.CodeOf(err) != cli.Config || !strings.Contains(err.Error(), "bitaxe-gamma") {
		t.Errorf("misspelt: %v", err)
	}
}

//go:build linux

package main

import (
	"io"
	"path/filepath"
	"testing"

	"github.com/lodefw/lode/board/described"
	"github.com/lodefw/lode/board/linux"
	"github.com/lodefw/lode/internal/cli"
)

// The file that lode-sim writes is one that lode-miner opens.
func TestDescribe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s9.toml")
	s := start(t, "-board", "s9", "-chips", "3", "-chains", "2", "-describe", path)
	s.next()
	s.next()
	if got, want := s.next(), "lode-miner -board file:"+path; got != want {
		t.Fatalf("printed %q, want %q", got, want)
	}
	if loose, err := described.IsLoose(path); err != nil || !loose {
		t.Fatalf("IsLoose = %v, %v", loose, err)
	}
	hashers, rate, ports, err := described.Loose(&linux.System{}, path, described.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(hashers) != 2 || rate <= 0 {
		t.Errorf("%d hashers of %g H/s", len(hashers), rate)
	}
	if err := ports.Close(); err != nil {
		t.Error(err)
	}
}

func TestDescribeRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	for _, args := range [][]string{
		{"-board", "bitaxe-gamma", "-describe", path},
		{"-model", "A1", "-unix", path + "s", "-describe", path},
		{"-model", "BM1366", "-unix", path + "s", "-describe", path},
	} {
		if err := run(t.Context(), cli.IO{Out: io.Discard, Err: io.Discard}, args); err == nil || cli.CodeOf(err) != cli.Usage {
			t.Errorf("%v: %v", args, err)
		}
	}
}

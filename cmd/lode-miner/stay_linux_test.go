package main

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestMapped(t *testing.T) {
	const name = "/opt/lode miner"
	for line, want := range map[string]bool{
		"00400000-00a3f000 r-xp 00000000 08:01 131 /opt/lode miner":     true,
		"00a3f000-01200000 r--p 0063f000 08:01 131 /opt/lode miner":     true,
		"01200000-01280000 rw-p 00e00000 08:01 131 /opt/lode miner":     false, // a copy, which nobody throws out
		"7f0000000000-7f0000021000 r-xp 00000000 08:01 9 /lib/libc.so":  false,
		"c000000000-c000400000 rw-p 00000000 00:00 0 ":                  false,
		"nonsense r-xp 00000000 08:01 131 /opt/lode miner":              false,
		"00400000-00a3f000 r-xp 00000000 08:01 131 /opt/lode miner.old": false,
	} {
		start, end, ok := mapped(line, name)
		if ok != want || ok && start >= end {
			t.Errorf("%s: %x-%x %v", line, start, end, ok)
		}
	}
}

// What is locked, the kernel says.
func TestStay(t *testing.T) {
	if err := stay(); err != nil {
		t.Logf("not allowed here: %v", err)
		return
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmLck:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		t.Fatal("no VmLck")
	}
	if kB, err := strconv.Atoi(fields[0]); err != nil || kB < 500 {
		t.Errorf("%s kB are locked", fields[0])
	}
}

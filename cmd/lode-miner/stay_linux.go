package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// stay keeps the program's code in memory. A system that is short of memory, or
// thinks that it could be, throws code out that has not run for a while, as it can
// be read again: from a slow card that takes a second, in which nobody looks after
// the board.
func stay() error {
	name, err := os.Executable()
	if err != nil {
		return err
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(maps)) {
		if start, end, ok := mapped(line, name); ok {
			if _, _, no := unix.Syscall(unix.SYS_MLOCK, start, end-start, 0); no != 0 {
				err = errors.Join(err, no)
			}
		}
	}
	return err
}

// mapped reads a line of maps, if it is of the file's and not of what was written
// to it since: "START-END PERMISSIONS OFFSET DEVICE INODE FILE" (proc(5)).
func mapped(line, name string) (start, end uintptr, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 6 || strings.Join(fields[5:], " ") != name || strings.Contains(fields[1], "w") {
		return 0, 0, false
	}
	n, err := fmt.Sscanf(fields[0], "%x-%x", &start, &end)
	return start, end, n == 2 && err == nil
}

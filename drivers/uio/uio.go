// Package uio opens Linux' userspace I/O devices: the registers of a piece of
// hardware, such as a core in an FPGA, as memory, and its interrupt as a file. The
// device tree gives each its name.
//
//	/sys/class/uio/uio3/name              chain6-work-rx
//	/sys/class/uio/uio3/maps/map0/size    0x00001000
//	/dev/uio3                             mmap: registers; read: the next interrupt
package uio

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ErrNone is the cause of an Open whose device there is not.
var ErrNone = errors.New("no such uio device")

// Find lists the devices by name: the path of each device's file. root is where
// the system is mounted: "/" but in tests.
func Find(root string) (map[string]string, error) {
	names, err := filepath.Glob(filepath.Join(root, "sys/class/uio/uio*/name"))
	if err != nil {
		return nil, fmt.Errorf("uio: %w", err)
	}
	found := make(map[string]string)
	for _, file := range names {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("uio: %w", err)
		}
		device := filepath.Base(filepath.Dir(file))
		found[strings.TrimSpace(string(text))] = filepath.Join(root, "dev", device)
	}
	return found, nil
}

// find is the device's file and the size of its first map.
func find(root string, names ...string) (path string, size int, err error) {
	all, err := Find(root)
	if err != nil {
		return "", 0, err
	}
	for _, name := range names {
		if path = all[name]; path != "" {
			size, err = mapSize(root, filepath.Base(path))
			return path, size, err
		}
	}
	var there []string
	for name := range all {
		there = append(there, name)
	}
	slices.Sort(there)
	return "", 0, fmt.Errorf("uio: %w: want %s, there are %q; check the device tree and that uio_pdrv_genirq is loaded",
		ErrNone, strings.Join(names, " or "), there)
}

// maxSize bounds a map by what a register window can sensibly have.
const maxSize = 1 << 20

func mapSize(root, device string) (int, error) {
	text, err := os.ReadFile(filepath.Join(root, "sys/class/uio", device, "maps/map0/size"))
	if err != nil {
		return 0, fmt.Errorf("uio: %s has no registers: %w", device, err)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 0, 64)
	if err != nil || n < 4 || n > maxSize {
		return 0, fmt.Errorf("uio: %s: its map's size is %q, want 4 to %d bytes", device, text, maxSize)
	}
	return int(n), nil
}

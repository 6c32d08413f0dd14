//go:build e2e

package e2e

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"

	"github.com/lodefw/lode/firmware/fat"
)

// A write is one that reached the card: QEMU's is a sector long.
type write struct {
	at   int64 // on the card, bytes
	data []byte
}

// Fields of the log that QEMU's block filter blklogwrites keeps, which is that of
// Linux' dm-log-writes: a sector with the magic and the version, then for each write a
// sector that tells of it and its data.
const (
	logMagic   = 0x6a736677736872
	logVersion = 1
	logDiscard = 4 // a flag: no data follows
)

// readLog reads what was written before QEMU ended, in order.
func readLog(name string) ([]write, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	if len(b) < fat.Sector {
		return nil, nil // nothing was written
	}
	// QEMU writes the first sector after many writes only.
	if magic := le.Uint64(b); magic != 0 && (magic != logMagic || le.Uint64(b[8:]) != logVersion || le.Uint32(b[24:]) != fat.Sector) {
		return nil, fmt.Errorf("%s is no log of writes by sectors of %d bytes", name, fat.Sector)
	}
	var writes []write
	for b = b[fat.Sector:]; len(b) >= fat.Sector; {
		at, n, flags := le.Uint64(b)*fat.Sector, le.Uint64(b[8:])*fat.Sector, le.Uint64(b[16:])
		if n == 0 && flags == 0 {
			break // never written
		}
		b = b[fat.Sector:]
		if flags&logDiscard != 0 || n == 0 {
			continue
		}
		if n > uint64(len(b)) {
			break
		}
		writes = append(writes, write{int64(at), b[:n]})
		b = b[n:]
	}
	return writes, nil
}

// A cut is where the power fails.
type cut struct {
	after int // so many writes are on the card
	// Of those around it some are there or not, in any order, and one in part: a
	// card that told too early that it has written, or the middle of a long write.
	seed   uint64
	window int // writes before and after that may be there or not; 0: none
}

// String is how a failure is told, and found again.
func (c cut) String() string {
	return fmt.Sprintf("power cut after write %d, of %d around it any (seed %d)", c.after, c.window, c.seed)
}

// apply makes the card as it is after the cut.
func (c cut) apply(card []byte, writes []write) {
	first := max(0, c.after-c.window)
	for _, w := range writes[:first] {
		copy(card[w.at:], w.data)
	}
	if c.window == 0 {
		return
	}
	r := rand.New(rand.NewPCG(c.seed, uint64(c.after)))
	some := slices.Clone(writes[first:min(len(writes), c.after+c.window/4)])
	r.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
	some = some[:r.IntN(len(some)+1)]
	for i, w := range some {
		if i == len(some)-1 {
			w.data = w.data[:r.IntN(len(w.data)+1)]
		}
		copy(card[w.at:], w.data)
	}
}

// windows are how many writes are in doubt: none, a long write of the kernel's, some
// short ones.
var windows = []int{0, 8, 32, 256}

// cuts are n of them, half of them where little is written but much depends on it:
// outside of the slots. The same seed gives the same.
func cuts(seed uint64, n int, writes []write, inSlot func(write) bool) []cut {
	r := rand.New(rand.NewPCG(seed, 0))
	var rare []int
	for i, w := range writes {
		if !inSlot(w) {
			rare = append(rare, i)
		}
	}
	var all []cut
	for i := range n {
		c := cut{after: r.IntN(len(writes) + 1), seed: r.Uint64(), window: windows[r.IntN(len(windows))]}
		if i%2 == 1 {
			c.after = rare[r.IntN(len(rare))] + r.IntN(2)
		}
		all = append(all, c)
	}
	return all
}

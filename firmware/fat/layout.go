package fat

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Sector is the smallest part of a card that is written, in bytes.
const Sector = 512

const entrySize = 32

// What Format chooses; Open takes other numbers too.
const (
	reserved    = 4
	copies      = 2
	rootEntries = 512
)

// Between these numbers of clusters a volume is FAT16.
const (
	minClusters = 4085
	maxClusters = 65524
)

// layout is where things are, in sectors.
type layout struct {
	perCluster, reserved, fats, perFAT, rootEntries, total int
}

func (l layout) rootAt() int    { return l.reserved + l.fats*l.perFAT }
func (l layout) dataAt() int    { return l.rootAt() + l.rootEntries*entrySize/Sector }
func (l layout) clusters() int  { return (l.total - l.dataAt()) / l.perCluster }
func (l layout) cluster() int   { return l.perCluster * Sector } // bytes
func (l layout) at(n int) int64 { return int64(l.dataAt()+(n-2)*l.perCluster) * Sector }
func (l layout) has(n int) bool { return n >= 2 && n < l.clusters()+2 }
func (l layout) fatBytes() int  { return (l.clusters() + 2) * 2 }

// needs is the number of clusters for so many bytes.
func (l layout) needs(size int64) int {
	return int((size + int64(l.cluster()) - 1) / int64(l.cluster()))
}

var errNoFAT = errors.New("fat: this is no volume of FAT16, or its first sector is damaged")

// parseLayout reads the first sector.
func parseLayout(b []byte) (l layout, err error) {
	u16 := func(at int) int { return int(binary.LittleEndian.Uint16(b[at:])) }
	if len(b) < Sector || u16(510) != 0xaa55 || u16(11) != Sector {
		return l, errNoFAT
	}
	l = layout{perCluster: int(b[13]), reserved: u16(14), fats: int(b[16]), rootEntries: u16(17), total: u16(19), perFAT: u16(22)}
	if l.total == 0 {
		l.total = int(min(binary.LittleEndian.Uint32(b[32:]), 1<<30))
	}
	switch {
	case l.perCluster == 0 || l.perCluster&(l.perCluster-1) != 0 || l.reserved == 0 || l.fats == 0 || l.rootEntries == 0:
		return l, errNoFAT
	case l.rootEntries%(Sector/entrySize) != 0 || l.total <= l.dataAt() || l.fatBytes() > l.perFAT*Sector:
		return l, errNoFAT
	case l.clusters() < minClusters || l.clusters() > maxClusters:
		return l, fmt.Errorf("fat: %d clusters; FAT16 has %d to %d", l.clusters(), minClusters, maxClusters)
	}
	return l, nil
}

// newLayout is for a volume of so many bytes.
func newLayout(size int64) (layout, error) {
	l := layout{perCluster: 4, reserved: reserved, fats: copies, rootEntries: rootEntries, total: int(min(size/Sector, 1<<22))}
	for ; l.perCluster <= 64; l.perCluster *= 2 {
		// The table has an entry for every cluster that could be, so a little too many.
		l.perFAT = (l.total/l.perCluster*2 + 2*2 + Sector - 1) / Sector
		if n := l.clusters(); n >= minClusters && n <= maxClusters {
			return l, nil
		}
	}
	return l, fmt.Errorf("fat: a volume of %d bytes cannot be FAT16", size)
}

// boot is the first sector.
func (l layout) boot(label string, id uint32) []byte {
	b := make([]byte, Sector)
	copy(b, "\xeb\x3c\x90lode    ")
	le := binary.LittleEndian
	le.PutUint16(b[11:], Sector)
	b[13] = byte(l.perCluster)
	le.PutUint16(b[14:], uint16(l.reserved))
	b[16] = byte(l.fats)
	le.PutUint16(b[17:], uint16(l.rootEntries))
	if l.total < 1<<16 {
		le.PutUint16(b[19:], uint16(l.total))
	} else {
		le.PutUint32(b[32:], uint32(l.total))
	}
	b[21] = mediaDisk
	le.PutUint16(b[22:], uint16(l.perFAT))
	le.PutUint16(b[24:], 32) // sectors of a track and heads: nobody goes by them
	le.PutUint16(b[26:], 4)
	b[36], b[38] = 0x80, 0x29 // a disk; id, label and kind follow
	le.PutUint32(b[39:], id)
	copy(b[43:54], fmt.Sprintf("%-11.11s", label))
	copy(b[54:62], "FAT16   ")
	le.PutUint16(b[510:], 0xaa55)
	return b
}

const mediaDisk = 0xf8

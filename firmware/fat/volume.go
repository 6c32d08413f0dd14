package fat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode/utf16"
)

// A Volume is one that is read.
type Volume struct {
	r      io.ReaderAt
	layout layout
	table  []byte
}

// Open reads a volume's layout and its first FAT.
func Open(r io.ReaderAt) (*Volume, error) {
	first := make([]byte, Sector)
	if _, err := r.ReadAt(first, 0); err != nil {
		return nil, fmt.Errorf("fat: %w", err)
	}
	l, err := parseLayout(first)
	if err != nil {
		return nil, err
	}
	v := &Volume{r, l, make([]byte, l.fatBytes())}
	if _, err := r.ReadAt(v.table, int64(l.reserved)*Sector); err != nil {
		return nil, fmt.Errorf("fat: %w", err)
	}
	return v, nil
}

// An Extent is a part of a file: where it is on the volume.
type Extent struct{ At, Size int64 }

// Extents tells where a file of the root directory is. Capitals do not matter.
func (v *Volume) Extents(name string) ([]Extent, error) {
	cluster, size, err := v.find(name)
	if err != nil {
		return nil, err
	}
	return v.extents(name, cluster, size)
}

func (v *Volume) extents(name string, cluster int, size int64) ([]Extent, error) {
	var all []Extent
	been := make([]bool, v.layout.clusters()+2) // a circle would give what was never in the file, up to the volume's size
	for left := size; left > 0; {
		if !v.layout.has(cluster) || been[cluster] {
			return nil, fmt.Errorf("fat: the chain of %s is damaged", name)
		}
		been[cluster] = true
		n := min(left, int64(v.layout.cluster()))
		all = append(all, Extent{v.layout.at(cluster), n})
		left -= n
		cluster = v.next(cluster)
	}
	return all, nil
}

// ReadFile reads a file of the root directory.
func (v *Volume) ReadFile(name string) ([]byte, error) {
	cluster, size, err := v.find(name)
	if err != nil {
		return nil, err
	}
	return v.read(name, cluster, size)
}

func (v *Volume) read(name string, cluster int, size int64) ([]byte, error) {
	all, err := v.extents(name, cluster, size)
	if err != nil {
		return nil, err
	}
	var b []byte
	for _, e := range all {
		at := len(b)
		b = append(b, make([]byte, e.Size)...)
		if _, err := v.r.ReadAt(b[at:], e.At); err != nil {
			return nil, fmt.Errorf("fat: %s: %w", name, err)
		}
	}
	return b, nil
}

// Names are those of the files in the root directory.
func (v *Volume) Names() ([]string, error) {
	var names []string
	err := v.each(false, func(name, short string, _ []byte) bool {
		if name == "" {
			name = short
		}
		names = append(names, name)
		return true
	})
	return names, err
}

func (v *Volume) find(name string) (cluster int, size int64, err error) {
	err = fmt.Errorf("fat: %s: %w", name, fs.ErrNotExist)
	if failed := v.each(false, func(long, short string, e []byte) bool {
		if !strings.EqualFold(long, name) && !strings.EqualFold(short, name) {
			return true
		}
		cluster, size = place(e)
		err = nil
		return false
	}); failed != nil {
		return 0, 0, failed
	}
	if v.layout.needs(size) > v.layout.clusters() {
		return 0, 0, fmt.Errorf("fat: %s would be larger than its volume", name)
	}
	return cluster, size, err
}

// place is a file's first cluster and its size, by its entry.
func place(e []byte) (cluster int, size int64) {
	return int(binary.LittleEndian.Uint16(e[26:])), int64(binary.LittleEndian.Uint32(e[28:]))
}

// Directory entries that are no files.
const (
	lastEntry = 0x00
	deleted   = 0xe5
	attrDir   = 0x10
)

// each goes over the files of the root directory, and its folders if they are wanted,
// until f returns false.
func (v *Volume) each(folders bool, f func(long, short string, entry []byte) bool) error {
	root := make([]byte, v.layout.rootEntries*entrySize)
	if _, err := v.r.ReadAt(root, int64(v.layout.rootAt())*Sector); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("fat: directory: %w", err)
	}
	var parts []byte // of a long name, as they stand
	for ; len(root) > 0 && root[0] != lastEntry; root = root[entrySize:] {
		e := root[:entrySize]
		switch {
		case e[0] == deleted:
			parts = nil
		case e[11]&0x3f == attrLong:
			if e[0]&longLast != 0 {
				parts = nil
			}
			parts = append(parts, e...)
		default:
			if e[11]&attrLabel == 0 && (folders || e[11]&attrDir == 0) && !f(longName(parts, e), shortName(e), e) {
				return nil
			}
			parts = nil
		}
	}
	return nil
}

func shortName(e []byte) string {
	name, ext := strings.TrimRight(string(e[:8]), " "), strings.TrimRight(string(e[8:11]), " ")
	if ext == "" {
		return name
	}
	return name + "." + ext
}

// longName is empty if the parts do not belong to the entry.
func longName(parts, e []byte) string {
	var units []uint16
	sum := checksum(string(e[:11]))
	for i := 1; len(parts) > 0; i++ {
		p := parts[len(parts)-entrySize:]
		parts = parts[:len(parts)-entrySize]
		if p[13] != sum || int(p[0]&^longLast) != i {
			return ""
		}
		for _, at := range longAt {
			unit := binary.LittleEndian.Uint16(p[at:])
			if unit == 0 {
				break
			}
			units = append(units, unit)
		}
	}
	return string(utf16.Decode(units))
}

package fat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"
)

// A File goes into the root directory.
type File struct {
	Name    string // ASCII letters, digits, dots, dashes, underscores
	Content []byte
}

// Format is a volume of so many bytes with these files. What is returned ends with the
// last file: the rest of the volume is free and may hold anything. The same arguments
// give the same bytes.
func Format(size int64, label string, id uint32, when time.Time, files []File) ([]byte, error) {
	l, err := newLayout(size)
	if err != nil {
		return nil, err
	}
	used := 2
	for _, f := range files {
		used += l.needs(int64(len(f.Content)))
	}
	if used-2 > l.clusters() {
		return nil, fmt.Errorf("fat: the files do not fit into %d bytes", size)
	}
	b := make([]byte, l.at(used))
	copy(b, l.boot(label, id))
	table := make([]byte, l.perFAT*Sector)
	binary.LittleEndian.PutUint32(table, 0xfffffff8) // the media's byte, and: was closed, has no errors
	root := b[l.rootAt()*Sector : l.rootAt()*Sector]
	root = append(root, entry(fmt.Sprintf("%-11.11s", label), attrLabel, 0, 0, when)...)
	next := 2
	for i, f := range files {
		entries, err := entriesOf(f, i+1, next, when)
		if err != nil {
			return nil, err
		}
		if root = append(root, entries...); len(root) > l.rootEntries*entrySize {
			return nil, errors.New("fat: too many files for the root directory")
		}
		copy(b[l.at(next):], f.Content)
		next = chain(table, next, l.needs(int64(len(f.Content))))
	}
	for i := range l.fats {
		copy(b[(l.reserved+i*l.perFAT)*Sector:], table)
	}
	return b, nil
}

// chain links n clusters from first on; it returns the next free one.
func chain(table []byte, first, n int) int {
	for i := first; i < first+n; i++ {
		next := uint16(i + 1)
		if i == first+n-1 {
			next = 0xffff
		}
		binary.LittleEndian.PutUint16(table[2*i:], next)
	}
	return first + n
}

// Attributes of a directory's entry.
const (
	attrLabel   = 0x08
	attrArchive = 0x20
	attrLong    = 0x0f
)

// entry is one of the directory's; name has 11 letters.
func entry(name string, attr byte, cluster, size int, when time.Time) []byte {
	b := make([]byte, entrySize)
	copy(b, name)
	b[11] = attr
	date, clock := stamp(when)
	le := binary.LittleEndian
	le.PutUint16(b[14:], clock)
	le.PutUint16(b[16:], date)
	le.PutUint16(b[18:], date)
	le.PutUint16(b[22:], clock)
	le.PutUint16(b[24:], date)
	le.PutUint16(b[26:], uint16(cluster))
	le.PutUint32(b[28:], uint32(size))
	return b
}

// stamp is a time as FAT has it, from 1980 on.
func stamp(t time.Time) (date, clock uint16) {
	if t = t.UTC(); t.Year() < 1980 || t.Year() > 2107 {
		t = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	date = uint16((t.Year()-1980)<<9 | int(t.Month())<<5 | t.Day())
	return date, uint16(t.Hour()<<11 | t.Minute()<<5 | t.Second()/2)
}

// entriesOf are a file's: those of its long name, then its own with a short one.
func entriesOf(f File, number, cluster int, when time.Time) ([]byte, error) {
	if f.Name == "" || len(f.Name) > 64 || strings.ContainsFunc(f.Name, strange) {
		return nil, fmt.Errorf("fat: no file can be called %.70q", f.Name)
	}
	if len(f.Content) == 0 {
		cluster = 0
	}
	base, ext, _ := strings.Cut(f.Name, ".")
	short := fmt.Sprintf("%-8s%-3.3s", fmt.Sprintf("%.4s~%d", plain(base), number), plain(ext))
	return append(long(f.Name, checksum(short)), entry(short, attrArchive, cluster, len(f.Content), when)...), nil
}

func strange(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
}

func plain(s string) string { return strings.ToUpper(strings.ReplaceAll(s, ".", "")) }

// Letters of a long name in one entry, and where they stand.
const longLetters = 13

var longAt = [longLetters]int{1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30}

// long are the entries of a long name, the last part first.
func long(name string, sum byte) (b []byte) {
	units := append(utf16.Encode([]rune(name)), 0)
	parts := (len(units) + longLetters - 1) / longLetters
	if len(units)%longLetters == 1 {
		parts, units = parts-1, units[:len(units)-1] // the end is told only if there is room
	}
	for i := parts; i > 0; i-- {
		e := make([]byte, entrySize)
		if e[0] = byte(i); i == parts {
			e[0] |= longLast
		}
		e[11], e[13] = attrLong, sum
		for j, at := range longAt {
			unit := uint16(0xffff)
			if k := (i-1)*longLetters + j; k < len(units) {
				unit = units[k]
			}
			binary.LittleEndian.PutUint16(e[at:], unit)
		}
		b = append(b, e...)
	}
	return b
}

const longLast = 0x40

// checksum ties a long name to the entry with the short one.
func checksum(short string) (sum byte) {
	for _, c := range []byte(short) {
		sum = sum>>1 | sum<<7
		sum += c
	}
	return sum
}

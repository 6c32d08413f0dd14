package ledger

import (
	"bytes"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// magic is the first line of a segment, padded to 16 bytes.
const magic = "lode ledger 1   "

// A DamageError says that a segment has bytes which are no record, or that records
// are missing. Reading goes on behind them.
type DamageError struct {
	Segment string
	Offset  int
	Bytes   int    // that are no record
	Missing uint64 // records, by their sequence numbers
}

// Error says where.
func (e *DamageError) Error() string {
	if e.Missing > 0 {
		return fmt.Sprintf("ledger: %s: %d records are missing before offset %d", e.Segment, e.Missing, e.Offset)
	}
	return fmt.Sprintf("ledger: %s: %d bytes at offset %d are no record", e.Segment, e.Bytes, e.Offset)
}

// Records reads the ledger in dir from its first record to its last. It may run
// while a pool writes. An error that is a *DamageError does not end it: the loop may
// go on.
func Records(dir string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		names, err := segments(dir)
		if err != nil {
			yield(Record{}, err)
			return
		}
		var last uint64
		for _, name := range names {
			if !readSegment(filepath.Join(dir, name), &last, yield) {
				return
			}
		}
	}
}

// readSegment yields the records after last. It is false when the loop was left.
func readSegment(path string, last *uint64, yield func(Record, error) bool) bool {
	b, err := os.ReadFile(path)
	if err != nil {
		return yield(Record{}, fmt.Errorf("ledger: %w", err))
	}
	s := newScan(b)
	for {
		r, skipped, ok := s.next()
		if skipped > 0 {
			damage := &DamageError{Segment: path, Offset: s.start - skipped, Bytes: skipped}
			if !yield(Record{}, damage) {
				return false
			}
		}
		if !ok {
			return true
		}
		if r.Sequence <= *last { // written again after a disk error
			continue
		}
		if missing := r.Sequence - *last - 1; missing > 0 && *last > 0 {
			if !yield(Record{}, &DamageError{Segment: path, Offset: s.start, Missing: missing}) {
				return false
			}
		}
		*last = r.Sequence
		if !yield(r, nil) {
			return false
		}
	}
}

// scan walks the records of a segment and finds its feet again behind damage.
type scan struct {
	b          []byte
	start, end int // of the last record
}

func newScan(b []byte) *scan {
	s := &scan{b: b}
	if bytes.HasPrefix(b, []byte(magic)) {
		s.end = len(magic)
	}
	return s
}

// next gives the next record, and how many bytes in front of it are none. Without a
// further record ok is false and s.start is where the good part ends plus skipped.
func (s *scan) next() (r Record, skipped int, ok bool) {
	for at := s.end; at < len(s.b); at++ {
		r, n, err := parseRecord(s.b[at:])
		if err == nil {
			skipped = at - s.end
			s.start, s.end = at, at+n
			return r, skipped, true
		}
	}
	skipped = len(s.b) - s.end
	s.start, s.end = len(s.b), len(s.b)
	return r, skipped, false
}

// segments lists the names of the segments in dir, oldest first.
func segments(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	var names []string
	for _, e := range entries {
		if segmentNumber(e.Name()) > 0 {
			names = append(names, e.Name())
		}
	}
	slices.SortFunc(names, func(a, b string) int { return segmentNumber(a) - segmentNumber(b) })
	return names, nil
}

func segmentName(number int) string { return fmt.Sprintf("shares-%08d.log", number) }

// segmentNumber is 0 for a file that is no segment.
func segmentNumber(name string) int {
	digits, ok := strings.CutPrefix(name, "shares-")
	digits, ok2 := strings.CutSuffix(digits, ".log")
	n, err := strconv.ParseUint(digits, 10, 31)
	if !ok || !ok2 || err != nil {
		return 0
	}
	return int(n)
}

package ledger

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
)

// segment is the file that is being written. The writer goroutine owns it.
type segment struct {
	dir    string
	limit  int64
	file   *os.File // nil: the next write begins a new one
	size   int64
	number int // of the newest file
}

// openSegment finds the newest segment, repairs its tail, and gives the last
// sequence number in it.
func openSegment(dir string, limit int64, log *slog.Logger) (*segment, uint64, error) {
	names, err := segments(dir)
	if err != nil {
		return nil, 0, err
	}
	s := &segment{dir: dir, limit: limit}
	if len(names) == 0 {
		return s, 0, nil
	}
	s.number = segmentNumber(names[len(names)-1])
	// A crash may leave an empty newest segment: then the one before knows the
	// last sequence number.
	var last uint64
	for i := len(names) - 1; i >= 0 && last == 0; i-- {
		path := filepath.Join(dir, names[i])
		good, seq, err := examine(path)
		if err != nil {
			return nil, 0, err
		}
		last = seq
		if i == len(names)-1 {
			if err := s.reuse(path, good, log); err != nil {
				return nil, 0, err
			}
		}
	}
	return s, last, nil
}

// examine gives the end of the last good record and the highest sequence number.
func examine(path string) (good int, last uint64, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, fmt.Errorf("ledger: %w", err)
	}
	s := newScan(b)
	good = s.end
	for {
		r, _, ok := s.next()
		if !ok {
			return good, last, nil
		}
		good, last = s.end, max(last, r.Sequence)
	}
}

// reuse goes on with an existing segment behind its last good record. What follows
// that is torn: it moves to a file beside, in case a person wants to see it.
func (s *segment) reuse(path string, good int, log *slog.Logger) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if len(b) > good {
		log.Warn("ledger had a torn tail, cut off", "segment", path, "bytes", len(b)-good)
		if err := os.WriteFile(path+".torn", b[good:], 0o600); err != nil {
			return fmt.Errorf("ledger: keep the torn tail: %w", err)
		}
		if err := os.Truncate(path, int64(good)); err != nil {
			return fmt.Errorf("ledger: repair: %w", err)
		}
	}
	if good < len(magic) || int64(good) >= s.limit {
		return nil // not worth it: the next write begins a new one
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	s.file, s.size = f, int64(good)
	return f.Sync()
}

// write makes batch durable. After an error the file's state is unknown, so the
// next write goes to a new one; records that are in both count once, by their
// sequence number.
func (s *segment) write(batch []byte) error {
	if s.file != nil && s.size >= s.limit {
		if err := s.close(); err != nil {
			return err
		}
	}
	if s.file == nil {
		if err := s.begin(); err != nil {
			return err
		}
	}
	n, err := s.file.Write(batch)
	s.size += int64(n)
	if err == nil {
		err = s.file.Sync()
	}
	if err != nil {
		s.close() //nolint:errcheck // the first error is the one to tell
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}

// begin creates the next file and makes its name durable.
func (s *segment) begin() error {
	path := filepath.Join(s.dir, segmentName(s.number+1))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	s.number++
	s.file, s.size = f, int64(len(magic))
	if _, err := f.WriteString(magic); err != nil {
		s.close() //nolint:errcheck // the first error is the one to tell
		return fmt.Errorf("ledger: %w", err)
	}
	return syncDir(s.dir)
}

func (s *segment) close() error {
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	if err := f.Close(); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}

// syncDir makes new names in dir durable; not every file system can.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	d.Sync() //nolint:errcheck // see above
	return d.Close()
}

package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/btcsuite/btcd/wire/v2"
)

// journal keeps the latest blocks until btcd's database has surely written them:
// the database writes its index every five minutes, and a killed process would
// lose that much. Two files take turns; the older one goes when the newer one is
// longer than keep. A record is the block's length in four bytes, and the block.
type journal struct {
	dir   string
	file  *os.File // the newer one
	began time.Time
}

const (
	journalFile = "recent.blocks"
	journalOld  = "older.blocks"
	keep        = 10 * time.Minute
)

func openJournal(dir string, now time.Time) (*journal, error) {
	j := &journal{dir: dir, began: now}
	return j, j.create()
}

func (j *journal) path(name string) string { return filepath.Join(j.dir, name) }

func (j *journal) create() (err error) {
	j.file, err = os.OpenFile(j.path(journalFile), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	return err
}

// blocks are those of both files, oldest first.
func (j *journal) blocks() ([][]byte, error) {
	var all [][]byte
	for _, name := range []string{journalOld, journalFile} {
		raw, err := os.ReadFile(j.path(name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		blocks, whole := splitJournal(raw)
		all = append(all, blocks...)
		if whole == len(raw) {
			continue
		}
		// The last record was being written when the process died.
		if err := os.Truncate(j.path(name), int64(whole)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// splitJournal gives the whole records and their length together.
func splitJournal(raw []byte) (blocks [][]byte, whole int) {
	for b := raw; len(b) >= 4; {
		n := binary.LittleEndian.Uint32(b)
		if n > wire.MaxBlockPayload || int(n) > len(b)-4 {
			break
		}
		blocks = append(blocks, b[4:4+n])
		b = b[4+n:]
		whole = len(raw) - len(b)
	}
	return blocks, whole
}

// append is on disk when it returns.
func (j *journal) append(block []byte, now time.Time) error {
	if now.Sub(j.began) > keep {
		if err := j.rotate(now); err != nil {
			return err
		}
	}
	record := binary.LittleEndian.AppendUint32(nil, uint32(len(block)))
	if _, err := j.file.Write(append(record, block...)); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return j.file.Sync()
}

func (j *journal) rotate(now time.Time) error {
	err := errors.Join(j.file.Close(), os.Rename(j.path(journalFile), j.path(journalOld)))
	j.began = now
	return errors.Join(err, j.create())
}

// close removes the files if the database has written everything.
func (j *journal) close(written bool) error {
	err := j.file.Close()
	if !written {
		return err
	}
	for _, name := range []string{journalFile, journalOld} {
		if e := os.Remove(j.path(name)); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

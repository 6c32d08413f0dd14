package pid1

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/lodefw/lode/firmware/fat"
	"github.com/lodefw/lode/internal/replace"
)

// mostKept bounds a file of the data partition that survives a repair: what is kept
// there is small, and memory is too.
const mostKept = 1 << 20

// repairData makes the data partition's file system new, with the files that can be
// read, if a power cut has damaged it. Linux would take it as it is and give it up
// at the first write that meets the damage. Nothing is written if all is well.
func repairData(device string) (result string, err error) {
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var files []fat.File
	v, err := fat.Open(f)
	if err == nil {
		why := v.Check()
		if why == nil {
			return "", nil
		}
		result = why.Error()
		files = v.Salvage(mostKept)
	} else if blank, e := blank(f); e != nil || !blank {
		return "", errors.Join(e, err) // it may be another kind, that Linux knows
	} else {
		result = "there is no file system"
	}
	var kept []fat.File
	for _, file := range files {
		if !strings.HasSuffix(file.Name, replace.Suffix) { // those were never whole
			kept = append(kept, file)
		}
	}
	return fmt.Sprintf("repaired with %d files: %s", len(kept), result), makeVolume(f, "LODE-DATA", kept)
}

// blank says whether the first sector is one that makeVolume has not finished.
func blank(f *os.File) (bool, error) {
	b := make([]byte, fat.Sector)
	_, err := f.ReadAt(b, 0)
	for _, c := range b {
		if c != 0 {
			return false, err
		}
	}
	return true, err
}

// makeVolume writes a new file system. The first sector goes first and comes last:
// without it nobody takes the rest for one.
func makeVolume(f *os.File, label string, files []fat.File) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("size of %s: %w", f.Name(), err)
	}
	b, err := fat.Format(size, label, volumeID, time.Now(), files)
	if err != nil {
		return err
	}
	for _, part := range []struct {
		at      int64
		content []byte
	}{{0, make([]byte, fat.Sector)}, {fat.Sector, b[fat.Sector:]}, {0, b[:fat.Sector]}} {
		if _, err := f.WriteAt(part.content, part.at); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
	return nil
}

const volumeID = 0x4c4f4445 // LODE

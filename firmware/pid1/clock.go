package pid1

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// behind says whether a clock that shows now is behind t, which has passed, by more than
// clockSlack.
func behind(now, t time.Time) bool { return t.After(now.Add(clockSlack)) }

const clockSlack = 2 * time.Second

// maxAge is how long after its build an image believes to run.
const maxAge = 15 * 365 * 24 * time.Hour

// plausible says whether an unauthenticated time can be: not before what is known -
// this image's build, the pool's time of the last run - nor an age after the build,
// nor where 32-bit kernels have no time any more.
func plausible(t, built, saved time.Time) bool {
	return !t.Before(built) && !t.Before(saved.Add(-time.Hour)) && t.Before(built.Add(maxAge)) && t.Unix() < 1<<31-1
}

// readClock reads the time that the miner has saved, RFC 3339; zero if there is none.
func readClock(path string) time.Time {
	text, err := os.ReadFile(path)
	if err != nil {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, strings.TrimSpace(string(text)))
	if err != nil {
		return time.Time{}
	}
	return t
}

// newSuffix is that of a file that is not whole yet.
const newSuffix = ".new"

// writeFile replaces a file, so that a power cut leaves the old one or the new one.
func writeFile(path string, content []byte, mode os.FileMode) error {
	temp := path + newSuffix
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err2 := f.Close(); err == nil {
		err = err2
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		os.Remove(temp)
		return err
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		dir.Sync() // not every file system can
		dir.Close()
	}
	return nil
}

// tidy removes what power cuts have left of files that were being replaced: the first
// folder of a small FAT has a few hundred places.
func tidy(dir string) {
	for _, pattern := range []string{"*" + newSuffix, ".*-*"} {
		left, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			continue
		}
		for _, name := range left {
			os.Remove(name)
		}
	}
}

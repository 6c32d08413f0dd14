package pid1

import (
	"errors"
	"fmt"
	"os"
	"path"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodefw/lode/firmware/fat"
	"github.com/lodefw/lode/firmware/slot"
	"github.com/lodefw/lode/internal/replace"
)

// A card is a slot.Disk of FAT partitions. Boot and data are mounted all the time, a
// slot only while it is read.
type card struct {
	slots map[slot.Name]string // devices
	data  string               // folder

	mu sync.Mutex // one mounts at a time
}

const slotDir = runDir + "/slot"

// Read is part of slot.Disk.
func (c *card) Read(part, name string) (b []byte, err error) {
	err = c.with(part, false, func(dir string) error {
		b, err = os.ReadFile(path.Join(dir, name))
		return err
	})
	return b, err
}

// Write is part of slot.Disk. What the boot loader goes by is overwritten in its
// place, so that no table of the file system changes.
func (c *card) Write(part, name string, content []byte) error {
	return c.with(part, true, func(dir string) error {
		if part == slot.Boot {
			return overwrite(path.Join(dir, name), content)
		}
		return replace.File(path.Join(dir, name), content, 0o600)
	})
}

// Replace is part of slot.Disk.
func (c *card) Replace(n slot.Name, files []fat.File) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	device := c.slots[n]
	if err := present(device); err != nil {
		return err
	}
	var f *os.File
	if err := whenFree(func() (err error) {
		f, err = os.OpenFile(device, os.O_WRONLY|unix.O_EXCL, 0) // exclusive: it is mounted nowhere
		return err
	}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return makeVolume(f, "LODE-"+string(n), files)
}

// removeUpdate takes an update away from the card's first partition.
func (c *card) removeUpdate() error {
	return c.with(slot.Boot, true, func(dir string) error { return os.Remove(path.Join(dir, BundleOnCard)) })
}

func overwrite(name string, content []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

// busyWithin is how long a busy partition is waited for. A child has all files of
// ours until it is the miner, also those that we have closed since.
const busyWithin = 2 * time.Second

// whenFree does what nobody else may have the files of a partition for, as unmounting
// it: a file system that stayed mounted would stay so for good.
func whenFree(do func() error) error {
	for end := time.Now().Add(busyWithin); ; time.Sleep(5 * time.Millisecond) {
		late := time.Now().After(end)
		if err := do(); late || !errors.Is(err, unix.EBUSY) {
			return err
		}
	}
}

// with calls f with the folder of a part, for writing if told so.
func (c *card) with(part string, write bool, f func(dir string) error) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch part {
	case slot.Data:
		return f(c.data)
	case slot.Boot:
		if !write {
			return f(bootDir)
		}
		if err := unix.Mount("", bootDir, "", unix.MS_REMOUNT|noPrograms, ""); err != nil {
			return fmt.Errorf("%s for writing: %w", bootDir, err)
		}
		defer func() {
			err = errors.Join(err, whenFree(func() error {
				return unix.Mount("", bootDir, "", unix.MS_REMOUNT|unix.MS_RDONLY|noPrograms, "")
			}))
		}()
		return f(bootDir)
	}
	if write {
		return errors.New("a slot is replaced, not changed")
	}
	device := c.slots[slot.Name(part)]
	if err := present(device); err != nil {
		return err
	}
	if err := whenFree(fatAt(device, slotDir, unix.MS_RDONLY).fresh); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, whenFree(func() error { return unix.Unmount(slotDir, 0) }))
	}()
	return f(slotDir)
}

package pid1

import (
	"errors"
	"fmt"
	"os"
	"path"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/lodefw/lode/firmware/slot"
)

// A card is a slot.Disk of FAT partitions, each mounted only while it is needed, but
// for boot and data, which are mounted all the time.
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
		return writeFile(path.Join(dir, name), content, 0o600)
	})
}

// Remove is part of slot.Disk.
func (c *card) Remove(part, name string) error {
	return c.with(part, true, func(dir string) error { return os.Remove(path.Join(dir, name)) })
}

func overwrite(name string, content []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
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
			err = errors.Join(err, unix.Mount("", bootDir, "", unix.MS_REMOUNT|unix.MS_RDONLY|noPrograms, ""))
		}()
		return f(bootDir)
	}
	var flags uintptr = unix.MS_RDONLY
	if write {
		flags = 0
	}
	if err := mountPartition(c.slots[slot.Name(part)], slotDir, flags); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Unmount(slotDir, 0)) }()
	return f(slotDir)
}

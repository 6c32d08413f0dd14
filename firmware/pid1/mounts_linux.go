package pid1

import (
	"errors"
	"fmt"
	"os"
	"path"
	"time"

	"golang.org/x/sys/unix"
)

// mount is one file system.
type mount struct {
	source, target, kind string
	flags                uintptr
	options              string
}

const (
	noPrograms = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	tmpSize    = "size=8m,mode=0755" // of a small board's memory
)

// mountAll mounts what every program expects.
func mountAll() (err error) {
	for _, m := range []mount{
		{"proc", "/proc", "proc", noPrograms, ""},
		{"sysfs", "/sys", "sysfs", noPrograms, ""},
		{"devtmpfs", "/dev", "devtmpfs", unix.MS_NOSUID, ""},
		{"tmpfs", "/run", "tmpfs", noPrograms, tmpSize},
		{"tmpfs", "/tmp", "tmpfs", noPrograms, tmpSize},
	} {
		err = errors.Join(err, m.do())
	}
	return errors.Join(err, os.MkdirAll(runDir, 0o700), os.MkdirAll("/etc", 0o755))
}

func (m mount) do() error {
	err := m.fresh()
	if errors.Is(err, unix.EBUSY) { // the kernel has mounted it
		return nil
	}
	return err
}

// fresh mounts what is not mounted yet.
func (m mount) fresh() error {
	if err := os.MkdirAll(m.target, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(m.source, m.target, m.kind, m.flags, m.options); err != nil {
		return fmt.Errorf("%s at %s: %w", m.source, m.target, err)
	}
	return nil
}

// deviceWithin is how long a card may take to show its partitions. It is the card that
// this was loaded from, so it is there; a kernel that is busy with itself may need long.
const deviceWithin = time.Minute

// partitions mounts the card's: boot read only, data for writing.
func (m *machine) partitions() (result string, err error) {
	d := m.device
	if d.BootPartition != "" {
		err = mountPartition(d.BootPartition, bootDir, unix.MS_RDONLY)
	}
	if d.DataPartition == "" {
		return "kept in memory, lost at the next start", err
	}
	result = "kept on " + d.DataPartition
	e := present(d.DataPartition)
	if e == nil {
		repaired, r := repairData(d.DataPartition)
		if repaired != "" {
			result += ", " + repaired
		}
		err = errors.Join(err, r)
		e = fatAt(d.DataPartition, dataDir, 0).do()
	}
	if e != nil {
		return "", errors.Join(err, fmt.Errorf("%w; kept in memory, lost at the next start", e))
	}
	m.data = dataDir
	return result, err
}

func mountPartition(device, dir string, flags uintptr) error {
	if err := present(device); err != nil {
		return err
	}
	return fatAt(device, dir, flags).do()
}

func fatAt(device, dir string, flags uintptr) mount {
	return mount{device, dir, "vfat", noPrograms | unix.MS_NOATIME | flags, "umask=0077,errors=remount-ro"}
}

// present waits for a partition.
func present(device string) error {
	if !appears(device, deviceWithin) {
		return fmt.Errorf("there is no %s: is the card the one that this image was written to?", device)
	}
	return nil
}

// appears waits for a device. The kernel makes its file a moment before it can be
// opened (ENXIO). Looks are counted, not time: while the machine stands still, the
// device does not come either.
func appears(name string, within time.Duration) bool {
	const pause = 50 * time.Millisecond
	for looks := within / pause; ; looks-- {
		if f, err := os.Open(name); err == nil {
			f.Close()
			return true
		}
		if looks <= 0 {
			return false
		}
		time.Sleep(pause)
	}
}

// unmountAll makes sure that what was written is on the card.
func unmountAll() (err error) {
	unix.Sync()
	for _, dir := range []string{dataDir, bootDir} {
		if e := unix.Unmount(dir, 0); e != nil && !errors.Is(e, unix.EINVAL) && !errors.Is(e, unix.ENOENT) {
			err = errors.Join(err, fmt.Errorf("%s: %w", path.Base(dir), e))
		}
	}
	return err
}

package device

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// dog is a Linux watchdog (Documentation/watchdog/watchdog-api.rst). It is armed
// from its opening on.
type dog struct {
	file    *os.File
	timeout time.Duration
}

// OpenWatchdog opens the watchdog at a path, usually /dev/watchdog, and asks for a
// timeout. The hardware may have its own idea, or only one: Timeout tells.
func OpenWatchdog(path string, timeout time.Duration) (Watchdog, error) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("device: watchdog: %w; is its driver loaded, and does nobody else feed it?", err)
	}
	d := &dog{file: f}
	if err := d.set(timeout); err != nil {
		return nil, errors.Join(fmt.Errorf("device: watchdog %s: %w", path, err), d.Disarm())
	}
	return d, nil
}

// set asks for a timeout. One that the hardware refuses leaves it at its own.
func (d *dog) set(timeout time.Duration) error {
	var seconds int
	err := d.control(func(fd int) (err error) {
		if err := unix.IoctlSetPointerInt(fd, unix.WDIOC_SETTIMEOUT, int(timeout/time.Second)); err != nil && err != unix.EINVAL && err != unix.EOPNOTSUPP {
			return err
		}
		seconds, err = unix.IoctlGetInt(fd, unix.WDIOC_GETTIMEOUT)
		return err
	})
	if err != nil {
		return fmt.Errorf("it does not tell its timeout: %w", err)
	}
	if d.timeout = time.Duration(seconds) * time.Second; d.timeout < leastTimeout {
		return fmt.Errorf("it waits for %v only, want at least %v", d.timeout, leastTimeout)
	}
	return nil
}

// leastTimeout is what this program can surely keep.
const leastTimeout = 5 * time.Second

func (d *dog) control(f func(fd int) error) error {
	conn, err := d.file.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := conn.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// Feed is part of Watchdog. Whatever is written counts, but a V.
func (d *dog) Feed() error {
	_, err := d.file.Write([]byte{0})
	return err
}

// Timeout is part of Watchdog.
func (d *dog) Timeout() time.Duration { return d.timeout }

// Disarm is part of Watchdog: a V before the end is the magic close. Kernels with
// CONFIG_WATCHDOG_NOWAYOUT do not listen.
func (d *dog) Disarm() error {
	_, err := d.file.Write([]byte{'V'})
	return errors.Join(err, d.file.Close())
}

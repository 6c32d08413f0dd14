package serial

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Port is an open UART. One goroutine may read while another writes; SetBaud is
// for a time when no one writes.
type Port struct {
	file *os.File
	raw  syscall.RawConn
	name string
	baud atomic.Int64
	old  bool // without TCSETS2
}

// writeLimit is how long a Write may hang beyond the time that its bytes take:
// a cable that is off does not stop a UART, but a USB device can.
const writeLimit = 2 * time.Second

// Open opens a UART for this process alone and sets it to a rate.
func Open(path string, baud int) (*Port, error) {
	// Not blocking, so that the runtime's poller serves deadlines.
	file, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("serial: %w", err)
	}
	p := &Port{file: file, name: path}
	if err := p.setUp(baud); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return p, nil
}

func (p *Port) setUp(baud int) (err error) {
	if p.raw, err = p.file.SyscallConn(); err != nil {
		return fmt.Errorf("serial: %s: %w", p.name, err)
	}
	if err := p.ioctl(func(fd int) error { return unix.IoctlSetInt(fd, unix.TIOCEXCL, 0) }); err != nil {
		return fmt.Errorf("serial: %s is no serial line: %w", p.name, err)
	}
	if err := p.setBaud(baud); err != nil {
		return err
	}
	p.lowLatency()
	return p.Flush()
}

// ioctl runs f with the file's descriptor.
func (p *Port) ioctl(f func(fd int) error) error {
	var inner error
	err := p.raw.Control(func(fd uintptr) { inner = f(int(fd)) })
	return errors.Join(err, inner)
}

// lowLatency asks the driver to hand bytes on at once; some USB adapters hold
// them 16 ms else. Many drivers do not know it, so an error means nothing.
func (p *Port) lowLatency() {
	const asyncLowLatency, flagsAt = 1 << 13, 16
	var s [128]byte // a struct serial_struct, of which only the flags matter
	_ = p.ioctl(func(fd int) error {
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGSERIAL, uintptr(unsafe.Pointer(&s))); errno != 0 {
			return errno
		}
		flags := binary.NativeEndian.Uint32(s[flagsAt:])
		binary.NativeEndian.PutUint32(s[flagsAt:], flags|asyncLowLatency)
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCSSERIAL, uintptr(unsafe.Pointer(&s))); errno != 0 {
			return errno
		}
		return nil
	})
}

// Read waits for at least one byte, until the deadline of SetReadDeadline.
func (p *Port) Read(b []byte) (int, error) {
	n, err := p.file.Read(b)
	if errors.Is(err, io.EOF) || n == 0 && err == nil && len(b) > 0 {
		return n, fmt.Errorf("serial: %s hung up: %w", p.name, io.ErrUnexpectedEOF)
	}
	return n, err
}

// Write queues all bytes, and waits while there is no room for them.
func (p *Port) Write(b []byte) (int, error) {
	limit := writeLimit + p.wireTime(len(b)+queued)
	if err := p.file.SetWriteDeadline(time.Now().Add(limit)); err != nil {
		return 0, fmt.Errorf("serial: %s: %w", p.name, err)
	}
	return p.file.Write(b)
}

// queued is what a tty may hold before Write waits.
const queued = 4096

// wireTime is how long bytes take on the line.
func (p *Port) wireTime(n int) time.Duration {
	return time.Duration(n) * 10 * time.Second / time.Duration(max(p.baud.Load(), 1))
}

// SetReadDeadline bounds the wait of Read, also one that is under way; zero is
// for ever. After it Read fails with os.ErrDeadlineExceeded.
func (p *Port) SetReadDeadline(t time.Time) error { return p.file.SetReadDeadline(t) }

// Flush drops the input that was not read.
func (p *Port) Flush() error {
	err := p.ioctl(func(fd int) error { return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH) })
	if err != nil {
		return fmt.Errorf("serial: %s: cannot flush the input: %w", p.name, err)
	}
	return nil
}

// Drain waits until all that was written has left the line.
func (p *Port) Drain() error {
	// The driver's own wait has no limit, so see first that the queue empties.
	for end := time.Now().Add(writeLimit + p.wireTime(queued)); ; time.Sleep(time.Millisecond) {
		var left int
		err := p.ioctl(func(fd int) (err error) {
			left, err = unix.IoctlGetInt(fd, unix.TIOCOUTQ)
			return err
		})
		switch {
		case err != nil:
			return fmt.Errorf("serial: %s: cannot see what is still to be sent: %w", p.name, err)
		case left > 0 && time.Now().After(end):
			return fmt.Errorf("serial: %s: %d bytes do not leave the line", p.name, left)
		case left > 0:
			continue
		}
		err = p.ioctl(func(fd int) error { return unix.IoctlSetInt(fd, unix.TCSBRK, 1) })
		if err != nil {
			return fmt.Errorf("serial: %s: cannot wait for the line: %w", p.name, err)
		}
		return nil
	}
}

// SetBaud waits until all that was written has left, changes the rate, and drops
// the input that was not read.
func (p *Port) SetBaud(baud int) error {
	if err := p.Drain(); err != nil {
		return err
	}
	if err := p.setBaud(baud); err != nil {
		return err
	}
	return p.Flush()
}

// Baud is the rate that the driver has taken.
func (p *Port) Baud() int { return int(p.baud.Load()) }

// String is the device's path.
func (p *Port) String() string { return p.name }

// Close ends a Read that waits, and gives the line back.
func (p *Port) Close() error {
	_ = p.ioctl(func(fd int) error { return unix.IoctlSetInt(fd, unix.TIOCNXCL, 0) })
	return p.file.Close()
}

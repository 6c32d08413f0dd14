package uio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Device is one open device. One goroutine at a time may Wait; registers are for
// any.
type Device struct {
	path string
	file *os.File
	mem  []byte
}

// Open maps the device that has the first of the names that there is.
func Open(root string, names ...string) (*Device, error) {
	path, size, err := find(root, names...)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|unix.O_SYNC, 0)
	if err != nil {
		return nil, fmt.Errorf("uio: %w", err)
	}
	mem, err := unix.Mmap(int(file.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("uio: %s: its registers cannot be mapped: %w", path, err), file.Close())
	}
	return &Device{path: path, file: file, mem: mem}, nil
}

// Close unmaps the registers: nothing may use the device any more.
func (d *Device) Close() error { return errors.Join(unix.Munmap(d.mem), d.file.Close()) }

// String is the device's file.
func (d *Device) String() string { return d.path }

// register is where a register lies. An offset outside of the map, or one that is
// not a word's, is a mistake of the driver: it panics like any index does.
func (d *Device) register(offset uint32) *uint32 {
	if offset%4 != 0 {
		panic(fmt.Sprintf("uio: offset %#x is no word's", offset))
	}
	return (*uint32)(unsafe.Pointer(&d.mem[offset : offset+4][0]))
}

// Read32 reads a register, in one access of 32 bits.
func (d *Device) Read32(offset uint32) uint32 { return atomic.LoadUint32(d.register(offset)) }

// Write32 writes one.
func (d *Device) Write32(offset, value uint32) { atomic.StoreUint32(d.register(offset), value) }

// Wait enables the interrupt and waits for it, for limit at most. Both ends are
// nil: whoever waits looks at the registers next.
func (d *Device) Wait(limit time.Duration) error {
	var word [4]byte
	binary.NativeEndian.PutUint32(word[:], 1)
	if _, err := d.file.Write(word[:]); err != nil {
		return fmt.Errorf("uio: %s: its interrupt cannot be enabled: %w", d.path, err)
	}
	fds := []unix.PollFd{{Fd: int32(d.file.Fd()), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, int(max(1, limit/time.Millisecond)))
	if n == 0 || errors.Is(err, unix.EINTR) {
		return nil
	}
	if err == nil {
		_, err = d.file.Read(word[:]) // the count of interrupts
	}
	if err != nil {
		return fmt.Errorf("uio: %s: cannot wait for its interrupt: %w", d.path, err)
	}
	return nil
}

package linux

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// Requests of linux/i2c-dev.h; their numbers are the same on every processor.
const (
	i2cRetries = 0x0701
	i2cTimeout = 0x0702 // in units of 10 ms
	i2cRdwr    = 0x0707
	i2cRead    = 0x0001
)

// patience of the kernel with an adapter that hangs: three readings must fit into
// a guard's two seconds.
const patience = 10 // 100 ms

// message is struct i2c_msg.
type message struct {
	addr, flags, length uint16
	data                unsafe.Pointer
}

// transfer is struct i2c_rdwr_ioctl_data.
type transfer struct {
	messages unsafe.Pointer
	count    uint32
}

// bus is an I²C adapter. The kernel lets one transaction at a time on it.
type bus struct {
	file *os.File
	name string
}

func openI2C(path string) (i2c.BusCloser, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("linux: %w; is the kernel's i2c-dev there?", err)
	}
	b := &bus{file, path}
	err = b.ioctl(i2cTimeout, patience)
	if err == nil {
		err = b.ioctl(i2cRetries, 1)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("linux: %s is no I²C bus: %w", path, err), file.Close())
	}
	return b, nil
}

func (b *bus) ioctl(request, arg uintptr) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, b.file.Fd(), request, arg); errno != 0 {
		return errno
	}
	return nil
}

// Tx writes, and reads without letting go of the bus between.
func (b *bus) Tx(addr uint16, w, r []byte) error {
	if len(w) > 4096 || len(r) > 4096 || addr > 0x7f {
		return fmt.Errorf("linux: %s: %d and %d bytes to address %#02x are not possible", b.name, len(w), len(r), addr)
	}
	var list []message
	if len(w) > 0 || len(r) == 0 {
		list = append(list, message{addr, 0, uint16(len(w)), unsafe.Pointer(unsafe.SliceData(w))})
	}
	if len(r) > 0 {
		list = append(list, message{addr, i2cRead, uint16(len(r)), unsafe.Pointer(unsafe.SliceData(r))})
	}
	t := &transfer{unsafe.Pointer(&list[0]), uint32(len(list))}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, b.file.Fd(), i2cRdwr, uintptr(unsafe.Pointer(t)))
	runtime.KeepAlive(t)
	runtime.KeepAlive(list)
	if errno != 0 {
		return fmt.Errorf("linux: %s: address %#02x: %w", b.name, addr, errno)
	}
	return nil
}

// SetSpeed cannot be done: the device tree sets it.
func (b *bus) SetSpeed(physic.Frequency) error {
	return fmt.Errorf("linux: %s: the device tree sets a bus's speed", b.name)
}

// String is the bus's path.
func (b *bus) String() string { return b.name }

// Close gives the bus back.
func (b *bus) Close() error { return b.file.Close() }

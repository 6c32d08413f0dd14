package rpi

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// Requests of linux/spi/spidev.h, as every processor but MIPS, PowerPC and SPARC
// has them: no Pi has one of those.
const (
	spiWriteMode  = 0x40016b01
	spiWriteBits  = 0x40016b03
	spiWriteSpeed = 0x40046b04
	spiMessage    = 0x40206b00 // one transfer
)

// maxTransfer is the kernel's usual limit (spidev.bufsiz); no message of ours is
// longer than 600 bytes.
const maxTransfer = 4096

// spiTransfer is struct spi_ioc_transfer.
type spiTransfer struct {
	tx, rx     uint64
	length     uint32
	speed      uint32
	delay      uint16
	bits       uint8
	deselect   uint8
	_, _, _, _ uint8
}

// spidev is an SPI bus of the kernel.
type spidev struct {
	file *os.File

	mu       sync.Mutex
	transfer spiTransfer
	w, r     [maxTransfer]byte // the kernel gets addresses of ours, which must stay
}

// openSPI opens a bus in a mode, for bytes.
func openSPI(path string, mode spi.Mode, speed physic.Frequency) (*spidev, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("rpi: %w; is SPI turned on (dtparam=spi=on in config.txt)?", err)
	}
	d := &spidev{file: f}
	m, bits, hz := uint8(mode&spi.Mode3), uint8(8), uint32(speed/physic.Hertz)
	err = errors.Join(
		d.ioctl(spiWriteMode, unsafe.Pointer(&m)), d.ioctl(spiWriteBits, unsafe.Pointer(&bits)),
		d.ioctl(spiWriteSpeed, unsafe.Pointer(&hz)))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("rpi: %s is no SPI bus, or has no such mode or speed: %w", path, err), f.Close())
	}
	return d, nil
}

func (d *spidev) ioctl(request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, d.file.Fd(), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

// Tx is part of conn.Conn.
func (d *spidev) Tx(w, r []byte) error {
	if len(w) != len(r) || len(w) > maxTransfer {
		return fmt.Errorf("rpi: %v: transfer of %d and %d bytes, want both alike, up to %d", d, len(w), len(r), maxTransfer)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	copy(d.w[:], w)
	d.transfer = spiTransfer{
		tx: uint64(uintptr(unsafe.Pointer(&d.w))), rx: uint64(uintptr(unsafe.Pointer(&d.r))), length: uint32(len(w)),
	}
	if err := d.ioctl(spiMessage, unsafe.Pointer(&d.transfer)); err != nil {
		return fmt.Errorf("rpi: %v: %w", d, err)
	}
	copy(r, d.r[:])
	return nil
}

// TxPackets is part of spi.Conn.
func (d *spidev) TxPackets(p []spi.Packet) error {
	for i := range p {
		if err := d.Tx(p[i].W, p[i].R); err != nil {
			return err
		}
	}
	return nil
}

// String is the bus's path.
func (d *spidev) String() string { return d.file.Name() }

// Duplex is part of conn.Conn.
func (d *spidev) Duplex() conn.Duplex { return conn.Full }

// Close gives the bus back.
func (d *spidev) Close() error { return d.file.Close() }

// spi opens the header's first bus.
func (o *opening) spi(mode spi.Mode, speed physic.Frequency) (spi.Conn, error) {
	d, err := openSPI(o.sys.Path("/dev/spidev0.0"), mode, speed)
	if err != nil {
		return nil, err
	}
	o.ports = append(o.ports, d)
	return d, nil
}

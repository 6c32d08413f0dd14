package serial

import (
	"errors"
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// maxError is how far from the wanted rate a driver may round. The AM335x makes
// 3.0 M of 3.125 M, 4.0 %, and stock firmware works so.
const maxError = 0.045

// setBaud makes the line raw, with eight bits and no parity, at a rate.
func (p *Port) setBaud(baud int) error {
	if baud <= 0 || baud > 1<<27 {
		return fmt.Errorf("serial: %s: no line has %d baud", p.name, baud)
	}
	var took uint32
	err := p.ioctl(func(fd int) (err error) {
		took, err = p.setTermios(fd, uint32(baud))
		return err
	})
	if err != nil {
		return fmt.Errorf("serial: %s: cannot set %d baud: %w", p.name, baud, err)
	}
	if math.Abs(float64(took)/float64(baud)-1) > maxError {
		return fmt.Errorf("serial: %s: the driver took %d baud instead of %d: this UART has no such rate", p.name, took, baud)
	}
	p.baud.Store(int64(took))
	return nil
}

// setTermios returns the rate that the line has then.
func (p *Port) setTermios(fd int, baud uint32) (uint32, error) {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS2)
	if missing(err) {
		return p.setOldTermios(fd, baud)
	}
	if err != nil {
		return 0, err
	}
	raw(t)
	t.Cflag = t.Cflag&^(unix.CBAUD|unix.CIBAUD) | unix.BOTHER
	t.Ispeed, t.Ospeed = baud, baud
	if err := unix.IoctlSetTermios(fd, unix.TCSETS2, t); err != nil {
		return 0, err
	}
	if t, err = unix.IoctlGetTermios(fd, unix.TCGETS2); err != nil {
		return 0, err
	}
	return t.Ospeed, nil
}

// missing tells a kernel (or qemu-user) without TCGETS2 from a line that fails.
func missing(err error) bool {
	return errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTTY)
}

// setOldTermios knows the standard rates only.
func (p *Port) setOldTermios(fd int, baud uint32) (uint32, error) {
	p.old = true
	code, ok := standard(baud)
	if !ok {
		return 0, fmt.Errorf("not a standard rate, and this system has no other (TCSETS2 is missing)")
	}
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return 0, err
	}
	raw(t)
	t.Cflag = t.Cflag&^(unix.CBAUD|unix.CIBAUD) | code
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, t); err != nil {
		return 0, err
	}
	if t, err = unix.IoctlGetTermios(fd, unix.TCGETS); err != nil {
		return 0, err
	}
	if t.Cflag&unix.CBAUD != code {
		return 0, errors.New("the driver has kept another rate")
	}
	return baud, nil
}

// raw switches off all that a terminal would do to the bytes.
func raw(t *unix.Termios) {
	t.Iflag = unix.IGNBRK
	t.Oflag = 0
	t.Lflag = 0
	t.Cflag &^= unix.CSIZE | unix.PARENB | unix.CSTOPB | unix.CRTSCTS | unix.HUPCL
	t.Cflag |= unix.CS8 | unix.CREAD | unix.CLOCAL
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
}

// standard is the code of a rate in the old termios.
func standard(baud uint32) (uint32, bool) {
	for _, s := range [...]struct{ baud, code uint32 }{
		{9600, unix.B9600}, {19200, unix.B19200}, {38400, unix.B38400}, {57600, unix.B57600},
		{115200, unix.B115200}, {230400, unix.B230400}, {460800, unix.B460800}, {500000, unix.B500000},
		{576000, unix.B576000}, {921600, unix.B921600}, {1000000, unix.B1000000}, {1152000, unix.B1152000},
		{1500000, unix.B1500000}, {2000000, unix.B2000000}, {2500000, unix.B2500000}, {3000000, unix.B3000000},
		{3500000, unix.B3500000}, {4000000, unix.B4000000},
	} {
		if s.baud == baud {
			return s.code, true
		}
	}
	return 0, false
}

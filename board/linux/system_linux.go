package linux

import (
	"os"
	"time"

	"github.com/lodefw/lode/drivers/serial"
	"golang.org/x/sys/unix"
)

func openLine(path string, baud int) (Line, error) {
	p, err := serial.Open(path, baud)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// waitForEdge waits for sysfs to say that a value has changed, and reads it, which
// arms the next one.
func waitForEdge(value *os.File, timeout time.Duration) bool {
	ms := -1
	if timeout >= 0 {
		ms = int(timeout.Milliseconds())
	}
	// The descriptor stays in blocking mode: poll does the waiting.
	fds := []unix.PollFd{{Fd: int32(value.Fd()), Events: unix.POLLPRI | unix.POLLERR}}
	for {
		n, err := unix.Poll(fds, ms)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 || fds[0].Revents&unix.POLLPRI == 0 {
			return false
		}
		var b [8]byte
		_, err = value.ReadAt(b[:], 0)
		return err == nil || b[0] != 0
	}
}

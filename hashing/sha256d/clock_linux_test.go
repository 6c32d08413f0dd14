package sha256d

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadTime is the processor time of the calling thread: others on a busy machine
// do not count. Lock the goroutine to its thread.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}

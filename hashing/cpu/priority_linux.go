package cpu

import "golang.org/x/sys/unix"

// lowest is the nice value that gives way to everything else.
const lowest = 19

// lowerPriority changes the calling thread only: on Linux a nice value belongs to
// a thread.
func lowerPriority() error {
	return unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), lowest)
}

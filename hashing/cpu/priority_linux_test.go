package cpu

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLowerPriority(t *testing.T) {
	before := priority(t)
	done := make(chan int)
	go func() {
		runtime.LockOSThread() // the thread ends with this goroutine
		if err := lowerPriority(); err != nil {
			t.Error(err)
		}
		done <- priority(t)
	}()
	if p := <-done; p != lowest {
		t.Errorf("nice value of the thread is %d, want %d", p, lowest)
	}
	if p := priority(t); p != before {
		t.Errorf("nice value of another thread went from %d to %d", before, p)
	}
}

// priority is the calling thread's nice value. The system call gives 20 less it.
func priority(t *testing.T) int {
	p, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid())
	if err != nil {
		t.Error(err)
	}
	return 20 - p
}

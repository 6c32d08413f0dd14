package pid1

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodefw/lode/internal/replace"
)

// gatherEntropy waits until the kernel has random numbers that nobody can guess: the
// session keys of Noise are made of them. Only a call that waits makes a kernel
// without any source gather the jitter of its clock, which takes seconds.
func gatherEntropy() (string, error) {
	begin := time.Now()
	var b [1]byte
	if _, err := unix.Getrandom(b[:], 0); err != nil {
		return "", err
	}
	return fmt.Sprintf("ready after %.1f s", time.Since(begin).Seconds()), nil
}

// sinceBoot is how long the kernel has run, as its own lines on the console count.
func sinceBoot() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

const seedSize = 64

// mixSeed adds what the last run has saved to the kernel's random numbers. It is not
// counted as entropy, because a copied card has the same.
func mixSeed(path string) error {
	seed, err := os.ReadFile(path)
	if err != nil {
		return nil // there is none yet
	}
	return os.WriteFile("/dev/urandom", seed, 0)
}

// saveSeed saves a seed for the next start: as soon as there is a new one, so that none is
// used twice, and at the end.
func saveSeed(path string) error {
	seed := make([]byte, seedSize)
	rand.Read(seed) // never fails
	return replace.File(path, seed, 0o600)
}

// loadModule loads one module; the same is no error.
func loadModule(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	err = unix.FinitModule(int(f.Fd()), "", 0)
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return err
}

func setTime(t time.Time) error {
	tv := unix.NsecToTimeval(t.UnixNano())
	return unix.Settimeofday(&tv)
}

// A process is the miner as a child of the first process.
type process struct {
	log *tail
	pid *atomic.Int64   // of the newest
	up  <-chan struct{} // closed when there is a network

	logged <-chan struct{} // closed when log has all that the newest wrote
}

// minerProgram is this program.
const minerProgram = "/proc/self/exe"

// start is part of runner. The child's output goes to its log.
func (p *process) start() (pid int, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer w.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		r.Close()
		return 0, err
	}
	defer null.Close()
	up, tell, err := os.Pipe()
	if err != nil {
		r.Close()
		return 0, err
	}
	defer up.Close()
	p.log.clear()
	pid, err = syscall.ForkExec(minerProgram, []string{"lode-miner", "-config", minerConfig}, &syscall.ProcAttr{
		Env: minerEnv(), Files: []uintptr{null.Fd(), w.Fd(), w.Fd(), up.Fd()},
		Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		r.Close()
		tell.Close()
		return 0, fmt.Errorf("cannot start: %w", err)
	}
	logged := make(chan struct{})
	p.logged = logged
	go func() { // ends when the child has
		defer close(logged)
		defer r.Close()
		io.Copy(p.log, r)
	}()
	go closeWhen(p.up, networkWithin, tell)
	p.pid.Store(int64(pid))
	return pid, nil
}

// closeWhen closes c when up is closed, or after a time.
func closeWhen(up <-chan struct{}, within time.Duration, c io.Closer) {
	waitWithin(within, up)
	c.Close()
}

// minerEnv is ours - the kernel gives us what it does not know of its command line -
// and a limit for the heap that leaves a small board room.
func minerEnv() []string {
	env := append(os.Environ(), NetworkEnv+"=3")
	if _, given := os.LookupEnv("GOMEMLIMIT"); !given {
		env = append(env, "GOMEMLIMIT=16MiB")
	}
	return env
}

// logWithin is how long an ended child's last words may take. They are there already,
// unless a child of its own keeps the log open.
const logWithin = time.Second

// wait is part of runner: the child has ended, and all it said is in the log. The first
// process is the parent of all that have lost theirs, and has to wait for them too.
func (p *process) wait(pid int) string {
	defer func() { waitWithin(logWithin, p.logged) }()
	for {
		var how unix.WaitStatus
		switch got, err := unix.Wait4(-1, &how, 0, nil); {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err.Error()
		case got != pid:
		case how.Signaled():
			return "signal " + how.Signal().String()
		case how.Exited():
			return fmt.Sprintf("code %d", how.ExitStatus())
		}
	}
}

// stop is part of runner.
func (p *process) stop(pid int, kill bool) {
	s := unix.SIGTERM
	if kill {
		s = unix.SIGKILL
	}
	unix.Kill(pid, s)
}

// resident is the resident memory of a process of /proc, as the kernel writes it.
func resident(who string) string { return field("/proc/"+who+"/status", "VmRSS:") }

func freeMemory() string { return field("/proc/meminfo", "MemAvailable:") }

// field finds a line of a file in /proc.
func field(file, name string) string {
	for line := range bytes.Lines(readOrNothing(file)) {
		if value, ok := strings.CutPrefix(string(line), name); ok {
			return strings.TrimSpace(value)
		}
	}
	return "?"
}

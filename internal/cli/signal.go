package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// grace is how long nothing but the end of its work ends a command that was asked to
// stop: a board of chips needs up to two seconds to lose its power in order, and people
// press Ctrl-C twice.
const grace = 3 * time.Second

// signals gives a context that ends at the first signal; one that comes later than
// wait after it calls exit. stop waits for the goroutine.
func signals(parent context.Context, wait time.Duration, exit func()) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	c := make(chan os.Signal, 2)
	done, stopped := make(chan struct{}), make(chan struct{})
	signal.Notify(c, os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT) // SIGABRT shows goroutines
	if !signal.Ignored(syscall.SIGHUP) {                             // nohup asks to go on
		signal.Notify(c, syscall.SIGHUP)
	}
	go func() {
		defer close(stopped)
		for first := (time.Time{}); ; {
			select {
			case <-done:
				return
			case <-c:
			}
			switch {
			case first.IsZero():
				first = time.Now()
			case time.Since(first) >= wait:
				exit()
			}
			cancel()
		}
	}()
	return ctx, func() {
		signal.Stop(c)
		close(done)
		<-stopped
		cancel()
	}
}

// errUnread is what a write gives when the reader of a pipe has gone.
var errUnread = errors.New("cli: nobody reads the output any more")

// A stream is one of the process's own. When the reader of a pipe has gone, nobody
// wants the rest: that calls lost, and the command ends as if it had been interrupted.
// A socket, as of systemd's journal, can come back, and a terminal that is closed
// without a signal was left on purpose: without them a command goes on.
type stream struct {
	f    *os.File
	lost func()
}

// newStream also keeps Go from ending the process on the spot, with a board under power,
// when a write to a pipe fails.
func newStream(f *os.File, lost func()) *stream {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // nobody needs to read it
	return &stream{f, lost}
}

// Write is part of io.Writer.
func (s *stream) Write(p []byte) (int, error) {
	n, err := s.f.Write(p)
	if !errors.Is(err, syscall.EPIPE) {
		return n, err
	}
	if info, e := s.f.Stat(); e == nil && info.Mode()&os.ModeNamedPipe != 0 {
		s.lost()
		err = errUnread
	}
	return n, err
}

// Fd lets a Terminal ask what it is.
func (s *stream) Fd() uintptr { return s.f.Fd() }

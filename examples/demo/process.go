package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

// A process is one of the two programs; done is closed when it has ended.
type process struct {
	done chan struct{}
	stop func() // ends it and waits
	err  error  // how it ended, unless by stop
}

// start runs a program. stop asks it to end, and makes it after two seconds. It has
// a process group of its own, so that Ctrl-C reaches it once, from us.
func start(out io.Writer, name string, args ...string) *process {
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{done: make(chan struct{})}
	p.stop = func() {
		cancel()
		<-p.done
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 2 * time.Second
	go func() {
		defer close(p.done)
		if err := cmd.Run(); err != nil && ctx.Err() == nil {
			p.err = fmt.Errorf("%s: %w", filepath.Base(name), err)
		}
	}()
	return p
}

// A prefixer writes whole lines, each with a word in front.
type prefixer struct {
	w    io.Writer
	word string
	part []byte
}

func (p *prefixer) Write(b []byte) (int, error) {
	p.part = append(p.part, b...)
	for {
		line, rest, ok := bytes.Cut(p.part, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		if _, err := fmt.Fprintf(p.w, "%s%s\n", p.word, line); err != nil {
			return 0, err
		}
		p.part = rest
	}
}

// A urlFinder passes the pool's output on and picks the URL out of it.
type urlFinder struct {
	w     io.Writer
	seen  []byte
	found chan string // nil once it was found
}

var poolURL = regexp.MustCompile(`stratum2\+tcp://[^\s"]+[\s"]`)

func (u *urlFinder) Write(b []byte) (int, error) {
	if u.found != nil {
		u.seen = append(u.seen, b...)
		if m := poolURL.Find(u.seen); m != nil {
			u.found <- string(m[:len(m)-1])
			u.found, u.seen = nil, nil
		}
	}
	return u.w.Write(b)
}

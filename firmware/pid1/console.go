package pid1

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// A console tells a person in few lines what goes on. Each line has the seconds since
// the kernel's start, as the kernel's own have.
type console struct {
	mu    sync.Mutex
	w     io.Writer
	began time.Time
	last  string
}

func newConsole(w io.Writer) *console { return &console{w: w, began: time.Now()} }

// say prints a line, unless it is the last one again.
func (c *console) say(format string, args ...any) {
	text := strings.TrimSpace(fmt.Sprintf(format, args...))
	c.mu.Lock()
	defer c.mu.Unlock()
	if text == c.last {
		return
	}
	c.last = text
	fmt.Fprintf(c.w, "lode %5.1f s  %s\r\n", time.Since(c.began).Seconds(), text)
}

// did tells of a step: what came of it, or why it failed.
func (c *console) did(what, result string, err error) {
	if err != nil {
		c.say("%s: %v", what, err)
		return
	}
	if result != "" {
		c.say("%s: %s", what, result)
	}
}

// panics runs a part that talks to strangers, and says whether that ended by a panic:
// it is told, as the end of the first process would be the end of the system.
func panics(what string, c *console, f func()) (bad bool) {
	defer func() {
		if err := recover(); err != nil {
			bad = true
			c.say("%s: a bug: %v", what, err)
		}
	}()
	f()
	return false
}

// A tail keeps the newest bytes of a log.
type tail struct {
	mu   sync.Mutex
	text []byte
	max  int
}

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - t.max; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

// clear forgets what was written.
func (t *tail) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = t.text[:0]
}

// lines gives the last n whole lines.
func (t *tail) lines(n int) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := strings.Split(strings.TrimRight(string(t.text), "\n"), "\n")
	return all[max(0, len(all)-n):]
}

package cli

import (
	"io"
	"sync"

	"golang.org/x/term"
)

// A Terminal writes log lines and, if it is one, keeps a progress line below them,
// overwritten in place. On anything else the progress line is left out.
type Terminal struct {
	mu    sync.Mutex
	w     io.Writer
	line  string
	width func() int // nil: not a terminal
}

// NewTerminal wraps w. TERM=dumb counts as no terminal.
func NewTerminal(w io.Writer, s IO) *Terminal {
	t := &Terminal{w: w}
	f, ok := w.(interface{ Fd() uintptr }) // a file
	if v, _ := s.Getenv("TERM"); !ok || v == "dumb" || !term.IsTerminal(int(f.Fd())) {
		return t
	}
	t.width = func() int {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
		return 80
	}
	return t
}

// Interactive says whether a progress line is shown.
func (t *Terminal) Interactive() bool { return t.width != nil }

// clearLine moves to the first column and empties the line.
const clearLine = "\r\x1b[K"

// Write writes whole lines above the progress line.
func (t *Terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.line == "" {
		return t.w.Write(p)
	}
	b := append([]byte(clearLine), p...)
	if _, err := t.w.Write(append(b, t.line...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Progress replaces the progress line; "" removes it. It is cut to the width of the
// terminal, because a wrapped line could not be overwritten.
func (t *Terminal) Progress(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.width == nil {
		return
	}
	r := []rune(clean(line))
	if n := t.width() - 1; len(r) > n {
		r = r[:max(n, 0)]
	}
	t.line = string(r)
	io.WriteString(t.w, clearLine+t.line) //nolint:errcheck // a lost terminal stops nothing
}

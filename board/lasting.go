package board

import (
	"fmt"
	"io/fs"
	"sync"
)

// Lasting is a serial line whose device may go away, as a USB adapter with its cable,
// and come back under the same path. SetBaud, with which each chain begins, opens it
// again. It carries nothing but jobs and answers: nobody has to be asked first who is
// there, as each chain looks for its chips.
type Lasting struct {
	End
	open func() (Line, error)

	mu     sync.Mutex
	closed bool
}

// NewLasting opens the line for the first time.
func NewLasting(open func() (Line, error)) (*Lasting, error) {
	line, err := open()
	if err != nil {
		return nil, err
	}
	l := &Lasting{open: open}
	l.now.Store(&port{Line: line})
	return l, nil
}

// SetBaud is part of Line.
func (l *Lasting) SetBaud(baud int) error {
	if err := l.reopen(); err != nil {
		return err
	}
	return l.End.SetBaud(baud)
}

func (l *Lasting) reopen() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return fs.ErrClosed
	case l.alive():
		return nil
	}
	_ = l.drop() // it is dead
	line, err := l.open()
	if err != nil {
		return fmt.Errorf("%w %w", ErrUnplugged, err)
	}
	l.now.Store(&port{Line: line})
	return nil
}

// Close closes the line for good.
func (l *Lasting) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return l.drop()
}

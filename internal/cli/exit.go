package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
)

// A Code is a process's exit code. Supervisors act on it, so it is part of the
// interface: a command's -h prints the table.
type Code int

// Exit codes. TryAgain is EX_TEMPFAIL of sysexits: start me again later.
const (
	OK          Code = 0
	Runtime     Code = 1
	Usage       Code = 2
	Config      Code = 3
	Bind        Code = 4
	KeyMismatch Code = 5
	Hardware    Code = 6
	Safety      Code = 7
	TryAgain    Code = 75
)

// exitCodes is the table that -h prints.
const exitCodes = `  0  done, or stopped by a signal
  1  failed while running
  2  wrong flags or arguments
  3  configuration wrong
  4  cannot listen on an address
  5  the pool's key is not the one that was given
  6  hardware failed
  7  stopped for safety
  75 failed for now; try again later
`

// An Error is an error that knows its exit code.
type Error struct {
	Code Code
	Err  error
}

// Error is the text of the cause: the code is for the shell.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Fail gives err an exit code; a nil err stays nil.
func Fail(code Code, err error) error {
	if err == nil {
		return nil
	}
	return &Error{code, err}
}

// Failf is Fail with fmt.Errorf.
func Failf(code Code, format string, args ...any) error {
	return &Error{code, fmt.Errorf(format, args...)}
}

// CodeOf is the exit code for what a command returned: that of the outermost
// Error; 0 for nil, for a stop by signal, for -h and for output that nobody reads to its
// end; else 1.
func CodeOf(err error) Code {
	var e *Error
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return OK
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, context.Canceled), errors.Is(err, errUnread):
		return OK
	}
	return Runtime
}

package extension

import (
	"fmt"
	"unicode/utf8"
)

// Extension WorkerNames: one field on SubmitSharesExtended, the name of the worker
// that found the share. If negotiated it is on every share, otherwise on none.
const (
	FieldWorkerName uint8 = 0x01
	MaxWorkerName   int   = 32 // bytes
)

func (t *TLV) isName() bool { return t.Extension == WorkerNames && t.Field == FieldWorkerName }

// check holds t to the limits of its extension.
func (t *TLV) check() error {
	if t.isName() && len(t.Value) > MaxWorkerName {
		return fmt.Errorf("%w: worker name of %d bytes, at most %d allowed", ErrTail, len(t.Value), MaxWorkerName)
	}
	return nil
}

// AppendWorkerName appends the TLV for a share of the worker called name, of which it
// takes the characters that fit in MaxWorkerName bytes.
func AppendWorkerName(b []byte, name string) []byte {
	for len(name) > MaxWorkerName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	b = append(b, byte(WorkerNames), byte(WorkerNames>>8), FieldWorkerName, byte(len(name)), 0)
	return append(b, name...)
}

// WorkerName returns the worker name in the tail of a share, for a connection that
// negotiated WorkerNames; ok is false if there is none. The name is the peer's: it
// can hold anything. WorkerName does not allocate unless there is an error.
func WorkerName(tail []byte) (name []byte, ok bool, err error) {
	order := orderOf(tail)
	for len(tail) > 0 {
		t, rest, err := cut(tail, order)
		if err == nil {
			err = t.check()
		}
		if err != nil {
			return nil, false, err
		}
		if t.isName() && !ok {
			name, ok = t.Value, true
		}
		tail = rest
	}
	return name, ok, nil
}

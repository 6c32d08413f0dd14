// Package msgtest holds the messages of a subprotocol to the spec and to the rules of
// package sv2. Each message package calls Run from its one test of them all.
package msgtest

import (
	"encoding"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/lodefw/lode/sv2"
)

// Find is the New function of a message package.
type Find = func(sv2.Type) sv2.Message

// full is all that a message is expected to do.
type full interface {
	sv2.Message
	encoding.BinaryAppender
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
	json.Marshaler
	json.Unmarshaler
}

// Run checks every message that the spec file (a name in sv2/testdata/spec) lists.
// The package that declares them is in the current folder, root is the way to the
// module's root.
func Run(t *testing.T, root, spec string, find Find) {
	entries := readSpec(t, root, spec)
	declared := declarations(t, ".")
	if len(declared) != len(entries) {
		t.Errorf("%d messages declared, the spec has %d", len(declared), len(entries))
	}
	for _, e := range entries {
		t.Run(e.name, func(t *testing.T) {
			m, ok := find(e.typ).(full)
			if !ok {
				t.Fatalf("New(%#x) = %T, which lacks a method or is no message", e.typ, find(e.typ))
			}
			checkSpec(t, e, m, declared)
			other := find(e.typ ^ sv2.ChannelMsg)
			if reflect.TypeOf(other) != reflect.TypeOf(m) {
				t.Errorf("New with the other channel bit = %T, want %T", other, m)
			}
			checkOrder(t, m)
			checkBinary(t, m)
			checkPrefixes(t, m)
			checkJSON(t, m)
			checkShared(t, m)
		})
	}
}

// fresh is an empty message of m's kind.
func fresh(m sv2.Message) full {
	return reflect.New(reflect.TypeOf(m).Elem()).Interface().(full)
}

// payload encodes m.
func payload(t *testing.T, m sv2.Message) []byte {
	t.Helper()
	b, err := sv2.Append(nil, m)
	if err != nil {
		t.Fatalf("Append: %v", err)
	}
	return b
}

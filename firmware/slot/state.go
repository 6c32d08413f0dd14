package slot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/lodefw/lode/firmware/recipe"
)

// Tries is how often a slot is started that has not proved itself.
const Tries = 3

// Name is a slot's, A or B.
type Name string

// The two slots.
const (
	A Name = "A"
	B Name = "B"
)

// Other is the other slot.
func (n Name) Other() Name {
	if n == A {
		return B
	}
	return A
}

// Valid says whether n is one of the two.
func (n Name) Valid() bool { return n == A || n == B }

// State is what the boot loader goes by: the variables BOOT_ORDER, BOOT_A_LEFT and
// BOOT_B_LEFT, with the meaning that RAUC gives them.
type State struct {
	First Name // the slot to try first
	Left  map[Name]int
}

// NewState is the state of a card as it is made.
func NewState() State { return State{First: A, Left: map[Name]int{A: Tries, B: Tries}} }

// Encode writes recipe.SlotsName: what U-Boot's "env import -c" takes.
func (s State) Encode() []byte {
	b := make([]byte, recipe.SlotsSize)
	text := fmt.Sprintf("BOOT_ORDER=%s %s\x00BOOT_A_LEFT=%d\x00BOOT_B_LEFT=%d\x00\x00", s.First, s.First.Other(), s.Left[A], s.Left[B])
	copy(b[4:], text)
	binary.LittleEndian.PutUint32(b, crc32.ChecksumIEEE(b[4:]))
	return b
}

var errState = errors.New("slot: the file of the slots' state is damaged")

// ParseState reads what Encode or U-Boot wrote.
func ParseState(b []byte) (State, error) {
	if len(b) != recipe.SlotsSize || binary.LittleEndian.Uint32(b) != crc32.ChecksumIEEE(b[4:]) {
		return State{}, errState
	}
	s := State{Left: make(map[Name]int)}
	for v := range bytes.SplitSeq(b[4:], []byte{0}) {
		name, value, _ := strings.Cut(string(v), "=")
		switch name {
		case "BOOT_ORDER":
			first, _, _ := strings.Cut(value, " ")
			s.First = Name(first)
		case "BOOT_A_LEFT":
			s.Left[A] = left(value)
		case "BOOT_B_LEFT":
			s.Left[B] = left(value)
		}
	}
	if !s.First.Valid() {
		return State{}, errState
	}
	return s, nil
}

// left reads a number as U-Boot's setexpr leaves it, in hex.
func left(text string) int {
	n, err := strconv.ParseUint(text, 16, 8)
	if err != nil {
		return 0
	}
	return int(min(n, Tries))
}

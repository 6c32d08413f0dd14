package bitcoin

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
)

// Target is the highest hash that still counts: a 256-bit number, little-endian
// as on the wire. It converts to and from sv2.U256 and [Hash] as it is. As text it
// is 64 hex digits, most significant first.
type Target [32]byte

// MaxTarget is all ones: every hash meets it.
func MaxTarget() Target {
	var t Target
	for i := range t {
		t[i] = 0xff
	}
	return t
}

// DifficultyOne is the target of difficulty 1: 0xffff * 2^208.
func DifficultyOne() Target {
	return Target{26: 0xff, 27: 0xff}
}

// limb gives bits 64*i to 64*i+63.
func (t *Target) limb(i int) uint64 { return binary.LittleEndian.Uint64(t[8*i:]) }

// MetBy tells if h is a share at this target: h <= t.
func (t Target) MetBy(h Hash) bool {
	u := Target(h)
	for i := 3; i >= 0; i-- {
		if x, y := u.limb(i), t.limb(i); x != y {
			return x < y
		}
	}
	return true
}

// Cmp is -1, 0 or 1 as t is less than, equal to or greater than u. A smaller
// target is a harder one.
func (t Target) Cmp(u Target) int {
	switch {
	case t == u:
		return 0
	case u.MetBy(Hash(t)):
		return -1
	}
	return 1
}

// ParseTarget reads 64 hex digits, most significant first.
func ParseTarget(text string) (Target, error) {
	var t Target
	if len(text) != 2*len(t) {
		return Target{}, fmt.Errorf("bitcoin: target of %d characters, want 64 hex digits", len(text))
	}
	if _, err := hex.Decode(t[:], []byte(text)); err != nil {
		return Target{}, fmt.Errorf("bitcoin: target: %w", err)
	}
	slices.Reverse(t[:])
	return t, nil
}

// String gives 64 hex digits, most significant first.
func (t Target) String() string {
	slices.Reverse(t[:])
	return hex.EncodeToString(t[:])
}

// MarshalText is String, for JSON and configuration files.
func (t Target) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText is ParseTarget.
func (t *Target) UnmarshalText(text []byte) error {
	u, err := ParseTarget(string(text))
	if err == nil {
		*t = u
	}
	return err
}

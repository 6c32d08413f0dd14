package sv2

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// U256 is 32 bytes in wire order: a hash as it stands in a block header, or an
// integer, little-endian. As text it is in display order, most significant byte
// first, as block explorers show it.
type U256 [32]byte

// MarshalText gives 64 hex digits in display order.
func (u U256) MarshalText() ([]byte, error) {
	slices.Reverse(u[:])
	return hex.AppendEncode(nil, u[:]), nil
}

// UnmarshalText reads 64 hex digits in display order.
func (u *U256) UnmarshalText(b []byte) error {
	if hex.DecodedLen(len(b)) != len(u) || len(b)%2 != 0 {
		return fmt.Errorf("sv2: U256 wants 64 hex digits, got %d characters", len(b))
	}
	if _, err := hex.Decode(u[:], b); err != nil {
		return fmt.Errorf("sv2: U256: %w", err)
	}
	slices.Reverse(u[:])
	return nil
}

// Bytes is a byte string of any of the B0 types; as text it is hex in wire order.
type Bytes []byte

// MarshalText gives two hex digits a byte.
func (b Bytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, b), nil }

// UnmarshalText reads hex digits.
func (b *Bytes) UnmarshalText(text []byte) error {
	v, err := hex.AppendDecode(nil, text)
	if err != nil {
		return fmt.Errorf("sv2: byte string: %w", err)
	}
	*b = v
	return nil
}

// OptU32 is OPTION[U32].
type OptU32 struct {
	Value uint32
	Valid bool // Value is there
}

// Some is an OptU32 that holds v.
func Some(v uint32) OptU32 { return OptU32{v, true} }

// MarshalJSON gives the number or null.
func (o OptU32) MarshalJSON() ([]byte, error) {
	if !o.Valid {
		return []byte("null"), nil
	}
	return strconv.AppendUint(nil, uint64(o.Value), 10), nil
}

// UnmarshalJSON reads a number or null.
func (o *OptU32) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		*o = OptU32{}
		return nil
	}
	v, err := strconv.ParseUint(string(b), 10, 32)
	if err != nil {
		return fmt.Errorf("sv2: OPTION[U32]: %w", err)
	}
	*o = Some(uint32(v))
	return nil
}

// F32 is a hash rate in hashes per second. It decodes from any bit pattern.
type F32 float32

// Valid says whether f makes sense as a hash rate: finite and not negative; -0
// counts as 0.
func (f F32) Valid() bool { return f >= 0 && !math.IsInf(float64(f), 1) }

// MarshalJSON gives a number, or "NaN", "+Inf", "-Inf" as a string.
func (f F32) MarshalJSON() ([]byte, error) {
	s := strconv.FormatFloat(float64(f), 'g', -1, 32)
	if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
		s = strconv.Quote(s)
	}
	return []byte(s), nil
}

// UnmarshalJSON reads what MarshalJSON gives.
func (f *F32) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseFloat(string(bytes.Trim(b, `"`)), 32)
	if err != nil {
		return fmt.Errorf("sv2: F32: %w", err)
	}
	*f = F32(v)
	return nil
}

package sv2

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
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

// String is the same text, for logs.
func (u U256) String() string {
	text, _ := u.MarshalText() // cannot fail
	return string(text)
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

// String is the same text, for logs.
func (b Bytes) String() string { return hex.EncodeToString(b) }

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

// String is the number or "none", for logs.
func (o OptU32) String() string {
	if !o.Valid {
		return "none"
	}
	return strconv.FormatUint(uint64(o.Value), 10)
}

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

// quietNaN is the NaN that text without bits means.
const quietNaN = 0x7fc00000

// MarshalJSON gives a number, or a string: "+Inf", "-Inf", "NaN", or "NaN 0xffc00000"
// with the bits of an unusual NaN.
func (f F32) MarshalJSON() ([]byte, error) {
	switch bits := math.Float32bits(float32(f)); {
	case f == f && !math.IsInf(float64(f), 0):
		return strconv.AppendFloat(nil, float64(f), 'g', -1, 32), nil
	case f == f || bits == quietNaN:
		return fmt.Appendf(nil, `"%s"`, strconv.FormatFloat(float64(f), 'g', -1, 32)), nil
	default:
		return fmt.Appendf(nil, `"NaN 0x%08x"`, bits), nil
	}
}

// UnmarshalJSON reads what MarshalJSON gives.
func (f *F32) UnmarshalJSON(b []byte) error {
	text := string(bytes.Trim(b, `"`))
	if digits, ok := strings.CutPrefix(text, "NaN 0x"); ok {
		bits, err := strconv.ParseUint(digits, 16, 32)
		if err != nil {
			return fmt.Errorf("sv2: F32: %w", err)
		}
		*f = F32(math.Float32frombits(uint32(bits)))
		return nil
	}
	v, err := strconv.ParseFloat(text, 32)
	if err != nil {
		return fmt.Errorf("sv2: F32: %w", err)
	}
	*f = F32(v)
	if v != v {
		*f = F32(math.Float32frombits(quietNaN))
	}
	return nil
}

package bitcoin

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
)

// Output is a transaction output.
type Output struct {
	Value  uint64 // satoshi
	Script []byte
}

// AppendOutputs appends outputs without a count, as NewTemplate carries them.
// Where a count is wanted (AllocateMiningJobToken.Success, SetCustomMiningJob),
// AppendCompactSize goes first.
func AppendOutputs(b []byte, outputs []Output) []byte {
	for _, o := range outputs {
		b = binary.LittleEndian.AppendUint64(b, o.Value)
		b = AppendCompactSize(b, uint64(len(o.Script)))
		b = append(b, o.Script...)
	}
	return b
}

// ParseOutputs reads outputs without a count, to the end of b. The scripts point
// into b.
func ParseOutputs(b []byte) ([]Output, error) {
	var outputs []Output
	for len(b) > 0 {
		o, rest, err := readOutput(b)
		if err != nil {
			return nil, fmt.Errorf("bitcoin: output %d: %w", len(outputs), err)
		}
		outputs, b = append(outputs, o), rest
	}
	return outputs, nil
}

func readOutput(b []byte) (o Output, rest []byte, err error) {
	if len(b) < 8 {
		return Output{}, nil, errShort
	}
	n, rest, err := ReadCompactSize(b[8:])
	if err != nil {
		return Output{}, nil, err
	}
	if n > uint64(len(rest)) {
		return Output{}, nil, fmt.Errorf("script of %d bytes: %w", n, errShort)
	}
	return Output{binary.LittleEndian.Uint64(b), rest[:n:n]}, rest[n:], nil
}

// sumOutputs is math.MaxUint64 for what does not fit.
func sumOutputs(outputs []Output) uint64 {
	var sum, carry uint64
	for _, o := range outputs {
		if sum, carry = bits.Add64(sum, o.Value, 0); carry != 0 {
			return math.MaxUint64
		}
	}
	return sum
}

package bitcoin

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Template is a block that a node wants mined, all but the coinbase's first
// outputs, the extranonce and the nonce. It is read by many at a time: nobody
// changes one that was handed out.
type Template struct {
	Height   uint32
	Version  uint32
	PrevHash Hash
	NBits    uint32
	NTime    uint32 // the node's time, to start from
	MinNTime uint32 // the lowest that consensus allows: median time past + 1
	Value    uint64 // satoshi that the coinbase may pay out: subsidy and fees

	CoinbaseVersion     uint32
	CoinbasePrefix      []byte // the scriptSig begins so: HeightPush, and the node's flags
	CoinbaseSequence    uint32
	CoinbaseLocktime    uint32
	CoinbaseOutputs     []byte // go last, without a count: the witness commitment, for one
	CoinbaseOutputCount uint32
	Witness             bool // the coinbase carries BIP141's reserved value

	MerklePath   []Hash   // of the coinbase, deepest first
	Transactions [][]byte // all but the coinbase, with witness
}

// Bounds of a coinbase's scriptSig (consensus) and of the extranonce's push.
const (
	minScriptSig  = 2
	maxScriptSig  = 100
	maxExtranonce = 75
)

// Coinbase assembles the coinbase transaction around an extranonce of the given
// size: the scriptSig is CoinbasePrefix, tag (script: usually [Push] of the pool's
// name) and a push of the extranonce; outputs come first, then the template's.
// The outputs must not exceed Value, and should reach it: the rest is lost.
func (t *Template) Coinbase(tag []byte, outputs []Output, extranonceSize int) (*Coinbase, error) {
	if err := t.checkOutputs(outputs); err != nil {
		return nil, err
	}
	if extranonceSize < 0 || extranonceSize > maxExtranonce {
		return nil, fmt.Errorf("bitcoin: extranonce of %d bytes, want at most %d", extranonceSize, maxExtranonce)
	}
	fixed := len(t.CoinbasePrefix) + len(tag) + 1
	if n := fixed + extranonceSize; n < minScriptSig || n > maxScriptSig {
		return nil, fmt.Errorf("bitcoin: scriptSig of %d bytes (template %d, tag %d, extranonce 1+%d), want %d to %d",
			n, len(t.CoinbasePrefix), len(tag), extranonceSize, minScriptSig, maxScriptSig)
	}
	c := NewCoinbase(t.prefix(tag, extranonceSize), t.suffix(outputs), extranonceSize)
	c.Witness = t.Witness
	return c, nil
}

// prefix is version, the null input, and the scriptSig up to the extranonce.
func (t *Template) prefix(tag []byte, extranonceSize int) []byte {
	b := binary.LittleEndian.AppendUint32(nil, t.CoinbaseVersion)
	b = append(b, 1)                   // inputs
	b = append(b, make([]byte, 32)...) // of no transaction
	b = binary.LittleEndian.AppendUint32(b, math.MaxUint32)
	b = append(b, byte(len(t.CoinbasePrefix)+len(tag)+1+extranonceSize))
	b = append(b, t.CoinbasePrefix...)
	b = append(b, tag...)
	return append(b, byte(extranonceSize))
}

// suffix is sequence, outputs and lock time.
func (t *Template) suffix(outputs []Output) []byte {
	b := binary.LittleEndian.AppendUint32(nil, t.CoinbaseSequence)
	b = AppendCompactSize(b, uint64(len(outputs))+uint64(t.CoinbaseOutputCount))
	b = AppendOutputs(b, outputs)
	b = append(b, t.CoinbaseOutputs...)
	return binary.LittleEndian.AppendUint32(b, t.CoinbaseLocktime)
}

// checkOutputs finds what would make the block invalid.
func (t *Template) checkOutputs(outputs []Output) error {
	if sum := sumOutputs(outputs); sum > t.Value {
		return fmt.Errorf("bitcoin: outputs pay %d satoshi, the template at height %d has %d", sum, t.Height, t.Value)
	}
	own, err := ParseOutputs(t.CoinbaseOutputs)
	if err != nil {
		return fmt.Errorf("bitcoin: the template's coinbase outputs: %w", err)
	}
	if len(own) != int(t.CoinbaseOutputCount) {
		return fmt.Errorf("bitcoin: the template has %d coinbase outputs and says %d", len(own), t.CoinbaseOutputCount)
	}
	if len(own)+len(outputs) == 0 {
		return fmt.Errorf("bitcoin: a coinbase without outputs; name where the block's value goes")
	}
	return nil
}

// AppendBlock appends a whole block: what submitblock wants, in binary.
func AppendBlock(b []byte, h *Header, coinbase []byte, txs [][]byte) []byte {
	var header [HeaderSize]byte
	h.Put(&header)
	b = append(b, header[:]...)
	b = AppendCompactSize(b, uint64(len(txs))+1)
	b = append(b, coinbase...)
	for _, tx := range txs {
		b = append(b, tx...)
	}
	return b
}

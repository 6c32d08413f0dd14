package bitcoin

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"slices"
)

// Coinbase is a coinbase transaction with a gap for the extranonce. It is read
// only, and shared by all channels of a job.
type Coinbase struct {
	Prefix, Suffix []byte // without BIP141's fields, as NewExtendedMiningJob carries them
	ExtranonceSize int    // length of the gap: prefix and rolled part together
	Witness        bool   // the whole transaction has BIP141's fields

	midstate []byte // SHA-256 after Prefix
}

// NewCoinbase makes a coinbase of halves without BIP141's fields ([StripBIP141]).
func NewCoinbase(prefix, suffix []byte, extranonceSize int) *Coinbase {
	c := &Coinbase{Prefix: prefix, Suffix: suffix, ExtranonceSize: extranonceSize}
	h := sha256.New()
	h.Write(prefix)
	c.midstate, _ = h.(encoding.BinaryMarshaler).MarshalBinary() // never fails
	return c
}

// TxID is the transaction's id, the first leaf of the merkle tree. It does not
// allocate: a pool calls it for each device at each block. An extranonce of
// another length than ExtranonceSize makes a transaction that no node takes.
func (c *Coinbase) TxID(extranonce []byte) Hash {
	h := sha256.New()
	if c.midstate == nil || h.(encoding.BinaryUnmarshaler).UnmarshalBinary(c.midstate) != nil {
		h.Write(c.Prefix)
	}
	h.Write(extranonce)
	h.Write(c.Suffix)
	var sum [32]byte
	h.Sum(sum[:0])
	return sum256(sum[:])
}

// Full is the whole transaction as it goes into a block, BIP141's fields included
// if it has any.
func (c *Coinbase) Full(extranonce []byte) []byte {
	prefix, suffix := c.Prefix, c.Suffix
	if c.Witness {
		prefix, suffix = AddBIP141(prefix, suffix)
	}
	return bytes.Join([][]byte{prefix, extranonce, suffix}, nil)
}

// BIP141's fields in a coinbase: marker and flag after the version, and before
// the lock time one witness of 32 bytes, the reserved value.
const (
	witnessMarkerAt = 4
	lockTimeSize    = 4
	witnessSize     = 34
)

// AddBIP141 puts BIP141's fields into the halves of a coinbase, with a reserved
// value of zeros. The halves themselves stay as they are. Halves too short to be
// a transaction's come back unchanged.
func AddBIP141(prefix, suffix []byte) (p, s []byte) {
	if len(prefix) < witnessMarkerAt || len(suffix) < lockTimeSize {
		return prefix, suffix
	}
	witness := [witnessSize]byte{1, 32}
	end := len(suffix) - lockTimeSize
	return slices.Concat(prefix[:witnessMarkerAt], []byte{0, 1}, prefix[witnessMarkerAt:]),
		slices.Concat(suffix[:end], witness[:], suffix[end:])
}

// StripBIP141 takes BIP141's fields out of the halves of a coinbase, where older
// servers leave them in; had tells if there were any. Halves without them come
// back unchanged.
func StripBIP141(prefix, suffix []byte) (p, s []byte, had bool) {
	end := len(suffix) - lockTimeSize - witnessSize
	if len(prefix) < witnessMarkerAt+2 || end < 0 ||
		prefix[witnessMarkerAt] != 0 || prefix[witnessMarkerAt+1] != 1 ||
		suffix[end] != 1 || suffix[end+1] != 32 {
		return prefix, suffix, false
	}
	return slices.Concat(prefix[:witnessMarkerAt], prefix[witnessMarkerAt+2:]),
		slices.Concat(suffix[:end], suffix[end+witnessSize:]), true
}

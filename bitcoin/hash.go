package bitcoin

import (
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// Hash is a double SHA-256 in wire order; its text is in display order. It is
// the only hash type of lode.
type Hash = chainhash.Hash

// ParseHash reads the 64 hex digits that explorers and nodes show.
func ParseHash(text string) (Hash, error) {
	h, err := chainhash.NewHashFromStrStrict(text)
	if err != nil {
		return Hash{}, fmt.Errorf("bitcoin: hash %.70q: %w", text, err)
	}
	return *h, nil
}

// DoubleHash is SHA-256 twice: block hashes, transaction ids, merkle nodes.
func DoubleHash(b []byte) Hash {
	h := sum256(b)
	return sum256(h[:])
}

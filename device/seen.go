package device

import (
	"encoding/binary"

	"github.com/lodefw/lode/bitcoin"
)

// seen remembers the last solutions, to find those that come twice: some chips
// report a nonce again. Its memory is fixed; in a full row the oldest goes.
type seen struct {
	rows [1024]struct {
		keys [4]uint64
		next uint8
	}
}

// add tells whether the solution is new, and remembers it. The same header under
// another job number counts as new, as the pool takes it for another share.
func (s *seen) add(job uint64, hash bitcoin.Hash) bool {
	key := binary.LittleEndian.Uint64(hash[:]) ^ job*0x9e3779b97f4a7c15 // spreads small numbers
	row := &s.rows[key%uint64(len(s.rows))]
	for _, k := range row.keys {
		if k == key {
			return false
		}
	}
	row.keys[row.next] = key
	row.next = (row.next + 1) % uint8(len(row.keys))
	return true
}

package node

import (
	"errors"

	"github.com/lodefw/lode/bitcoin"
)

var errTransaction = errors.New("not a transaction")

// identify walks a serialized transaction, and gives its two ids (BIP141) and
// its weight. scratch is reused for the form without witness.
func identify(raw, scratch []byte) (txid, wtxid bitcoin.Hash, weight int, rest []byte, err error) {
	r := reader{b: raw}
	r.skip(4)
	segwit := len(r.b) > 1 && r.b[0] == 0 && r.b[1] == 1
	if segwit {
		r.skip(2)
	}
	body := r.b
	inputs := r.inputs()
	r.outputs()
	body = body[:len(body)-len(r.b)]
	if segwit {
		for range inputs {
			r.items()
		}
	}
	lockTime := r.b
	r.skip(4)
	if r.err != nil || inputs == 0 || len(r.b) != 0 {
		return txid, wtxid, 0, scratch, errTransaction
	}
	wtxid = bitcoin.DoubleHash(raw)
	if !segwit {
		return wtxid, wtxid, 4 * len(raw), scratch, nil
	}
	scratch = append(append(append(scratch[:0], raw[:4]...), body...), lockTime...)
	return bitcoin.DoubleHash(scratch), wtxid, 3*len(scratch) + len(raw), scratch, nil
}

// reader eats bytes; its first error stays, and everything after it is empty.
type reader struct {
	b   []byte
	err error
}

func (r *reader) skip(n uint64) {
	if r.err != nil || n > uint64(len(r.b)) {
		r.err = errTransaction
		return
	}
	r.b = r.b[n:]
}

// count is of things of at least size bytes each.
func (r *reader) count(size uint64) uint64 {
	if r.err != nil {
		return 0
	}
	n, rest, err := bitcoin.ReadCompactSize(r.b)
	if err != nil || n > uint64(len(rest))/size {
		r.err = errTransaction
		return 0
	}
	r.b = rest
	return n
}

func (r *reader) inputs() uint64 {
	n := r.count(41)
	for range n {
		r.skip(36)
		r.skip(r.count(1))
		r.skip(4)
	}
	return n
}

func (r *reader) outputs() {
	for range r.count(9) {
		r.skip(8)
		r.skip(r.count(1))
	}
}

// items are a witness.
func (r *reader) items() {
	for range r.count(1) {
		r.skip(r.count(1))
	}
}

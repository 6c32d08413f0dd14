package spisim

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"hash"
	"math"
	"math/rand/v2"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing/sha256d"
)

// task is what a chip knows of a header: the state after its first 64 bytes, and
// the next 12 as they stand in it.
type task struct {
	mid    sha256d.State
	tail   [12]byte
	target bitcoin.Target
}

// searcher finds nonces for one chip. It does not allocate once it is warm.
type searcher struct {
	kernel sha256d.Kernel
	search sha256d.Search
	header [80]byte
	hits   []sha256d.Hit
	mids   [1]sha256d.State
	task   task

	digest hash.Hash
	state  [108]byte // of digest, as crypto/sha256 marshals it
	sum    []byte
}

func newSearcher() *searcher {
	kernel := single()
	return &searcher{
		kernel: kernel,
		hits:   make([]sha256d.Hit, sha256d.MaxStep*max(1, kernel.Versions)),
		digest: sha256.New(), sum: make([]byte, 0, sha256.Size),
	}
}

// single is the best kernel for one midstate. It is not measured, as virtual time
// stands still meanwhile.
func single() sha256d.Kernel {
	kernels := sha256d.Kernels()
	best := kernels[0]
	for _, k := range kernels[1:] {
		if k.Available() && k.Versions <= 1 {
			best = k
		}
	}
	return best
}

func (s *searcher) set(t *task) {
	s.task = *t
	copy(s.header[64:], t.tail[:])
	s.mids[0] = t.mid
	s.search.Prepare(&s.header, s.mids[:], (*[32]byte)(&t.target))
}

// hash is the header's hash under a nonce, by the standard library: it takes up
// where the midstate leaves off.
func (s *searcher) hash(nonce uint32) bitcoin.Hash {
	b := append(s.state[:0], "sha\x03"...)
	for _, word := range s.task.mid {
		b = binary.BigEndian.AppendUint32(b, word)
	}
	clear(s.state[36:100])
	binary.BigEndian.PutUint64(s.state[100:], 64)
	if err := s.digest.(encoding.BinaryUnmarshaler).UnmarshalBinary(s.state[:]); err != nil {
		panic(err) // the standard library's own format
	}
	binary.LittleEndian.PutUint32(s.header[76:], nonce)
	s.digest.Write(s.header[64:])
	s.sum = s.digest.Sum(s.sum[:0])
	s.digest.Reset()
	s.digest.Write(s.sum)
	s.sum = s.digest.Sum(s.sum[:0])
	return bitcoin.Hash(s.sum)
}

// from returns the first nonce in [start, start+count) that meets the target.
func (s *searcher) from(start uint32, count uint64) (uint32, bool) {
	for count > 0 {
		chunk := uint32(min(count, 1<<10))
		n, done := s.kernel.Scan(&s.search, start, chunk, s.hits)
		for _, hit := range s.hits[:n] {
			if s.task.target.MetBy(s.hash(hit.Nonce)) {
				return hit.Nonce, true
			}
		}
		start += done
		count -= uint64(done)
	}
	return 0, false
}

// gap is how many nonces a chip tries until the next hit, when one in mean is
// one.
func gap(r *rand.Rand, mean float64) uint64 {
	g := r.ExpFloat64() * mean
	return uint64(min(g, math.MaxUint64/4))
}

// Known is a nonce that is known to be good for a header, to replay: the chip
// that gets the header finds it when its sweep comes by.
type Known struct {
	Midstate sha256d.State
	Nonce    uint32
}

// Meets tells whether a header meets a target, of which the state after 64 bytes
// is known, and the three words before the nonce as big-endian numbers.
func Meets(mid sha256d.State, tail [3]uint32, nonce uint32, target bitcoin.Target) bool {
	t := task{mid: mid, target: target}
	for i, w := range tail {
		binary.BigEndian.PutUint32(t.tail[4*i:], w)
	}
	s := newSearcher()
	s.set(&t)
	return target.MetBy(s.hash(nonce))
}

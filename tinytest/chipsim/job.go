package chipsim

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"hash/fnv"
	"math/bits"
	"slices"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing/sha256d"
)

// A job is what all chips of a chain search. It does not change.
type job struct {
	id      byte
	at      time.Duration // end of its frame
	offset  int64
	header  [80]byte        // nonce zero; of a midstate job only the last 16 bytes count
	mids    []sha256d.State // of a midstate job
	content uint64          // hash of all but the id: equal jobs give equal results
	null    bool            // BM1387: nbits FFFFFFFF opens a core
}

// parseJob reads a job's frame body. Merkle root and previous hash come as words
// in reversed order, midstates too and each word most significant byte first.
func (m *model) parseJob(cmd command, now time.Duration) *job {
	b := cmd.body
	j := &job{id: b[0], at: now, offset: cmd.offset}
	sum := fnv.New64a()
	sum.Write(b[1:])
	j.content = sum.Sum64()
	copy(j.header[72:], b[6:10])  // nbits
	copy(j.header[68:], b[10:14]) // ntime
	j.null = m.bm1387 && binary.LittleEndian.Uint32(b[6:]) == 0xffffffff
	if !m.midstates {
		putReversed(j.header[36:68], b[14:46])
		putReversed(j.header[4:36], b[46:78])
		copy(j.header[:4], b[78:82])
		return j
	}
	copy(j.header[64:], b[14:18])
	for mids := b[18:]; len(mids) >= 32 && len(j.mids) < max(1, int(b[1])); mids = mids[32:] {
		var s sha256d.State
		for i := range s {
			s[i] = binary.BigEndian.Uint32(mids[28-4*i:])
		}
		j.mids = append(j.mids, s)
	}
	return j
}

func putReversed(dst, src []byte) {
	for i := 0; i < 32; i += 4 {
		copy(dst[28-i:], src[i:i+4])
	}
}

func (j *job) version() uint32 { return binary.LittleEndian.Uint32(j.header[:]) }

// spread puts the bits of i onto the bits of mask, from low to high. No capture
// shows how a mask with holes is walked; this is a guess.
func spread(i, mask uint32) uint32 {
	var v uint32
	for ; mask != 0; mask &= mask - 1 {
		if i&1 != 0 {
			v |= mask & -mask
		}
		i >>= 1
	}
	return v
}

// gather is spread's inverse.
func gather(v, mask uint32) uint32 {
	var i uint32
	for n := 0; mask != 0; n++ {
		if v&mask&-mask != 0 {
			i |= 1 << n
		}
		mask &= mask - 1
	}
	return i
}

// rolled is the header's version under a counter; a chip that does not roll
// leaves it alone.
func (j *job) rolled(mask, counter uint32) uint32 {
	if mask == 0 {
		return j.version()
	}
	return j.version()&^0x1fffe000 | spread(counter, mask)<<13
}

// midstates are those of the group that is searched together.
func (j *job) midstates(dst []sha256d.State, mask uint32, first, n int) []sha256d.State {
	dst = dst[:0]
	if j.mids != nil {
		return append(dst, j.mids[first:min(first+n, len(j.mids))]...)
	}
	h := j.header
	for k := first; k < first+n; k++ {
		binary.LittleEndian.PutUint32(h[:], j.rolled(mask, uint32(k)))
		dst = append(dst, sha256d.Midstate(&h))
	}
	return dst
}

// hash is the double hash of the job's header with this midstate and nonce.
func (j *job) hash(mid sha256d.State, nonce [4]byte) bitcoin.Hash {
	state := []byte("sha\x03")
	for _, w := range mid {
		state = binary.BigEndian.AppendUint32(state, w)
	}
	state = append(state, make([]byte, 64)...)
	state = binary.BigEndian.AppendUint64(state, 64)
	h := sha256.New()
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state); err != nil {
		panic("chipsim: sha256 state: " + err.Error()) // the format is documented by the standard library's tests
	}
	h.Write(j.header[64:76])
	h.Write(nonce[:])
	return bitcoin.Hash(sha256.Sum256(h.Sum(nil)))
}

// meets tests a hash as a chip does: bitwise, so that the accepted set is not
// exactly a target. excess is twice the number of zero bits beyond the threshold.
func meets(h bitcoin.Hash, zeros int, mask uint32) (excess byte, ok bool) {
	top := binary.LittleEndian.Uint64(h[24:])
	lead := bits.LeadingZeros64(top)
	if top == 0 {
		lead += bits.LeadingZeros64(binary.LittleEndian.Uint64(h[16:]))
	}
	if lead < zeros || uint32(top<<zeros>>32)&mask != 0 {
		return 0, false
	}
	return byte(min(255, 2*max(0, lead-zeros-bits.OnesCount32(mask)))), true
}

// A Solution is a header with a nonce that is known to be good. Header has all 80
// bytes; for a job of midstates that nobody knows a header of, Midstate and the
// 12 bytes that follow stand for the first 76.
type Solution struct {
	Header   []byte   `json:"header,omitempty"`
	Midstate []uint32 `json:"midstate,omitempty"`
	Tail     []byte   `json:"tail,omitempty"`
	Nonce    []byte   `json:"nonce,omitempty"` // in the header's order; the header's own if empty
}

// version finds the version counter or midstate under which the job's header is
// the solution's.
func (s *Solution) version(j *job, mask uint32) (counter int, nonce [4]byte, ok bool) {
	tail, mid := s.Tail, sha256d.State{}
	switch {
	case len(s.Header) == 80:
		tail, nonce = s.Header[64:76], [4]byte(s.Header[76:])
		mid = sha256d.Midstate((*[80]byte)(s.Header))
	case len(s.Midstate) == 8:
		mid = sha256d.State(s.Midstate)
	}
	if len(s.Nonce) == 4 {
		nonce = [4]byte(s.Nonce)
	}
	if !slices.Equal(tail, j.header[64:76]) {
		return 0, nonce, false
	}
	if j.mids != nil {
		counter = slices.Index(j.mids, mid)
		return counter, nonce, counter >= 0
	}
	if len(s.Header) != 80 || !slices.Equal(s.Header[4:64], j.header[4:64]) {
		return 0, nonce, false
	}
	counter = int(gather(binary.LittleEndian.Uint32(s.Header)>>13&0xffff, mask))
	return counter, nonce, j.rolled(mask, uint32(counter)) == binary.LittleEndian.Uint32(s.Header)
}

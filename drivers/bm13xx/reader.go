package bm13xx

import (
	"fmt"
	"io"
	"sync/atomic"
)

// Reader takes responses out of a byte stream that may have gaps, extra and
// wrong bytes. Where no good response begins it drops one byte and tries again,
// so it is back in step with the first whole response after any damage.
type Reader struct {
	src    io.Reader
	length atomic.Int32 // of a response
	noise  atomic.Uint64

	buf        [1024]byte
	start, end int
}

// NewReader reads responses of 7, 9 or 11 bytes from src.
func NewReader(src io.Reader, length int) *Reader {
	r := &Reader{src: src}
	r.SetLength(length)
	return r
}

// SetLength sets the length of the responses to come: it grows from 9 to 11 when
// version rolling is switched on.
func (r *Reader) SetLength(n int) {
	switch n {
	case answerBare, answerShort, answerLong:
		r.length.Store(int32(n))
	default:
		panic(fmt.Sprintf("bm13xx: no chip answers %d bytes", n))
	}
}

// Noise is how many bytes were dropped because no good response began there.
func (r *Reader) Noise() uint64 { return r.noise.Load() }

// Reset drops what has been read but not returned.
func (r *Reader) Reset() { r.start, r.end = 0, 0 }

// Next returns the next good response. It fails only when src does; after the
// error of a deadline it can be called again, and goes on with the bytes it has.
func (r *Reader) Next() (Response, error) {
	for {
		if resp, ok := r.scan(); ok {
			return resp, nil
		}
		if r.start > 0 {
			r.end = copy(r.buf[:], r.buf[r.start:r.end])
			r.start = 0
		}
		n, err := r.src.Read(r.buf[r.end:])
		r.end += n
		if n == 0 && err != nil {
			return Response{}, err
		}
		if n == 0 {
			return Response{}, io.ErrNoProgress
		}
	}
}

// scan looks for a response in the bytes at hand.
func (r *Reader) scan() (Response, bool) {
	n := int(r.length.Load())
	for r.end-r.start >= n {
		if resp, ok := parseResponse(r.buf[r.start : r.start+n]); ok {
			r.start += n
			return resp, true
		}
		r.start++
		r.noise.Add(1)
	}
	return Response{}, false
}

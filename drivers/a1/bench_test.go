package a1

import (
	"encoding/binary"
	"testing"

	"github.com/lodefw/lode/bitcoin"
)

func BenchmarkJob(b *testing.B) {
	var job [jobSize]byte
	h := bitcoin.Header{Version: 0x20000000}
	b.ReportAllocs()
	for b.Loop() {
		h.Version++
		putJob(&job, 1, 1, &h, 0x1d00ffff, binary.LittleEndian)
	}
}

// A result is parsed, matched to its work and hashed.
func BenchmarkResult(b *testing.B) {
	answer := make([]byte, 4*16+8)
	copy(answer[4*16:], "\x18\x02\x1d\xac\x2b\x7c")
	c := &Chain{chips: make([]chip, 16), generation: 1}
	c.chips[1].slots[0].generation = 1
	b.ReportAllocs()
	for b.Loop() {
		r, a := parseResult(answer, 4*16)
		if a != gotResult {
			b.Fatal("no result")
		}
		c.classify(r)
	}
}

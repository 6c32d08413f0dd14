package buffer_test

import (
	"sync"
	"testing"

	"github.com/lodefw/lode/sv2/buffer"
)

// A way gets a buffer of n bytes, uses it and gives it back.
type way struct {
	name string
	get  func(n int, use func([]byte))
}

// ways are the pool and what one would use instead of it.
func ways() []way {
	p := buffer.New(64 << 20)
	var std sync.Pool
	return []way{
		{"pool", func(n int, use func([]byte)) {
			b, err := p.Get(n)
			if err != nil {
				panic(err)
			}
			use(b)
			p.Put(b)
		}},
		{"make", func(n int, use func([]byte)) { use(make([]byte, n)) }},
		{"syncpool", func(n int, use func([]byte)) {
			b, _ := std.Get().(*[]byte)
			if b == nil || cap(*b) < n {
				b = new(make([]byte, n))
			}
			use((*b)[:n])
			std.Put(b)
		}},
	}
}

var sizes = []struct {
	name string
	n    int
}{{"share", 46}, {"job", 8 << 10}, {"largest", 64 << 10}}

func BenchmarkGetPut(b *testing.B) {
	for _, size := range sizes {
		for _, way := range ways() {
			b.Run(size.name+"/"+way.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					way.get(size.n, touch)
				}
			})
		}
	}
}

func BenchmarkGetPutParallel(b *testing.B) {
	for _, size := range sizes {
		for _, way := range ways() {
			b.Run(size.name+"/"+way.name, func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						way.get(size.n, touch)
					}
				})
			})
		}
	}
}

// touch writes one byte, so that the buffer is used.
//
//go:noinline
func touch(b []byte) { b[len(b)-1] = 1 }

package buffer

import "math/bits"

// Size classes: 64, 80, 96, 112, 128, 160, ... bytes, four for each power of two,
// so that at most a fifth of a buffer is wasted.
const (
	smallest = 64
	classes  = 4*(bits.UintSize-8) + 1
)

// classOf is the class of buffers for n bytes, and their size.
func classOf(n int) (class, size int) {
	if n <= smallest {
		return 0, smallest
	}
	shift := bits.Len(uint(n-1)) - 3
	quarter := (n - 1) >> shift // 4 to 7
	return 4*(shift-4) + quarter - 3, (quarter + 1) << shift
}

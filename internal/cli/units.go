package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// prefixes of units, each a thousand times the one before.
const prefixes = " kMGTPE"

// HashRate writes hashes per second with the prefix that people use.
func HashRate(h float64) string {
	i := 0
	for ; h >= 999.5 && i < len(prefixes)-1; i++ {
		h /= 1000
	}
	return fmt.Sprintf("%.3g %sH/s", h, strings.TrimSpace(prefixes[i:i+1]))
}

// ParseHashRate reads what HashRate writes, and what people write: 40MH, 1.2 TH/s.
func ParseHashRate(text string) (float64, error) {
	number := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSpace(text), "/s"), "H")
	scale := 1.0
	if n := len(number); n > 0 {
		if i := strings.IndexByte(prefixes, number[n-1]); i > 0 {
			scale, number = math.Pow(1000, float64(i)), number[:n-1]
		}
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !(v > 0) || math.IsInf(v*scale, 0) {
		return 0, fmt.Errorf("%q is no hash rate: want a number above zero with H/s, as 40MH/s or 1.2TH/s", text)
	}
	return v * scale, nil
}

// Count writes a number of things: 1 block, 2 blocks.
func Count[N int | uint64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

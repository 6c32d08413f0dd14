package hashing

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// prefixes of units, each a thousand times the one before.
const prefixes = " kMGTPE"

// FormatRate writes hashes per second with the prefix that people use.
func FormatRate(h float64) string {
	i := 0
	for ; h >= 999.5 && i < len(prefixes)-1; i++ {
		h /= 1000
	}
	return fmt.Sprintf("%.3g %sH/s", h, strings.TrimSpace(prefixes[i:i+1]))
}

// ParseRate reads what FormatRate writes, and what people write: 40MH, 1.2 TH/s.
func ParseRate(text string) (float64, error) {
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

package bitcoin

import (
	"math"
	"strconv"
	"strings"
)

// isDecimal tells if s is digits with at most one point and an exponent of at
// most three digits. math/big reads more than that, and would work for minutes on
// 1e999999999.
func isDecimal(s string) bool {
	const longest = 100
	if len(s) > longest {
		return false
	}
	mantissa, exponent, found := s, "", false
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa, exponent, found = s[:i], s[i+1:], true
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if !digits(whole+fraction, longest) {
		return false
	}
	if !found {
		return true
	}
	if exponent != "" && (exponent[0] == '+' || exponent[0] == '-') {
		exponent = exponent[1:]
	}
	return digits(exponent, 3)
}

func digits(s string, most int) bool {
	return s != "" && len(s) <= most && strings.Trim(s, "0123456789") == ""
}

// FormatDifficulty writes a difficulty for people: three or four digits and a
// suffix of thousands, as in 1.5K, 18.04, 126.3T.
func FormatDifficulty(d float64) string {
	const suffixes = "KMGTPEZY"
	if !(d >= 1000) || math.IsInf(d, 1) {
		return strconv.FormatFloat(d, 'g', 4, 64)
	}
	n := -1
	for d >= 999.95 && n < len(suffixes)-1 { // 999.96 rounds to 1000
		d /= 1000
		n++
	}
	return strconv.FormatFloat(d, 'g', 4, 64) + suffixes[n:n+1]
}

package bitcoin

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"slices"
)

// Difficulty is how many times harder than difficulty 1 the target is, for
// people and for statistics: rounded to a float64. A zero target gives +Inf.
// Difficulty of Target(hash) is the difficulty that a share reached.
func (t Target) Difficulty() float64 {
	return math.Ldexp(0xffff, 208) / t.float()
}

// Hashes is the expected number of hashes for one share, 2^256 / (t+1), rounded
// to a float64.
func (t Target) Hashes() float64 {
	return math.Ldexp(1, 256) / (t.float() + 1)
}

// float adds the small limbs first, so that it is right to a unit in the last place.
func (t *Target) float() float64 {
	var f float64
	for i := range 4 {
		f += math.Ldexp(float64(t.limb(i)), 64*i)
	}
	return f
}

// Credit is the integer part of the difficulty, exact: what a server adds to
// new_shares_sum for a share at this target. It is 0 below difficulty 1 and
// math.MaxUint64 for all that does not fit. It does not allocate.
func (t Target) Credit() uint64 {
	n := t.bitLen()
	switch {
	case n > 224: // above 0xffff * 2^208
		return 0
	case n < 160: // above 2^64
		return math.MaxUint64
	}
	// Divide by the 64 highest bits of t: at most a few too many, for the bits
	// that were left out.
	top := t.topBits(n)
	hi, lo := shift128(0xffff, uint(272-n))
	q := uint64(math.MaxUint64)
	if hi < top {
		q, _ = bits.Div64(hi, lo, top)
	}
	for !t.timesIsAtMostOne(q) {
		q--
	}
	return q
}

func (t *Target) bitLen() int {
	for i := 3; i >= 0; i-- {
		if l := t.limb(i); l != 0 {
			return 64*i + bits.Len64(l)
		}
	}
	return 0
}

// topBits gives the 64 bits below bit n; n > 64.
func (t *Target) topBits(n int) uint64 {
	i, s := (n-1)/64, uint(n-1)%64
	return t.limb(i)<<(63-s) | t.limb(i-1)>>1>>s
}

// shift128 is v << s in two limbs; s < 128.
func shift128(v uint64, s uint) (hi, lo uint64) {
	if s >= 64 {
		return v << (s - 64), 0
	}
	return v >> 1 >> (63 - s), v << s
}

// timesIsAtMostOne tells if q * t <= 0xffff * 2^208.
func (t *Target) timesIsAtMostOne(q uint64) bool {
	var product [4]uint64
	var carry uint64
	for i := range product {
		hi, lo := bits.Mul64(q, t.limb(i))
		var c uint64
		product[i], c = bits.Add64(lo, carry, 0)
		carry = hi + c
	}
	const one = 0xffff << 16 // the highest limb of difficulty 1
	if carry != 0 || product[3] != one {
		return carry == 0 && product[3] < one
	}
	return product[0]|product[1]|product[2] == 0
}

// RateTarget is the target at which a device of hashRate (hashes a second) finds
// sharesPerMinute shares: with h = trunc(hashRate*60/sharesPerMinute) hashes for
// a share, (2^256-1-h) / (h+1). No rate, or one that is not a number, gives
// MaxTarget; h is held below 2^128, more than any machine can do.
func RateTarget(hashRate, sharesPerMinute float64) Target {
	rate := hashRate * 60 / sharesPerMinute
	if !(rate >= 1) { // NaN too
		return MaxTarget()
	}
	one := big.NewInt(1)
	h := new(big.Int).Sub(new(big.Int).Lsh(one, 128), one)
	if rate < math.Ldexp(1, 128) {
		h, _ = big.NewFloat(rate).Int(nil)
	}
	divisor := new(big.Int).Add(h, one)
	rest := new(big.Int).Sub(new(big.Int).Lsh(one, 256), divisor)
	return bigTarget(rest.Div(rest, divisor))
}

// DifficultyTarget is the target of a difficulty written as a decimal number
// ("0.001", "1638.4", "1e6"): floor(DifficultyOne / difficulty), exact. A
// difficulty too small for 256 bits gives MaxTarget; one that no hash but zero
// would meet is an error.
func DifficultyTarget(decimal string) (Target, error) {
	if !isDecimal(decimal) {
		return Target{}, fmt.Errorf("bitcoin: difficulty %.40q is not a number such as 0.5, 1024 or 1e6", decimal)
	}
	d, ok := new(big.Rat).SetString(decimal)
	if !ok || d.Sign() == 0 {
		return Target{}, fmt.Errorf("bitcoin: difficulty %.40q, want more than zero", decimal)
	}
	one := new(big.Int).Lsh(big.NewInt(0xffff), 208)
	q := one.Div(one.Mul(one, d.Denom()), d.Num())
	switch {
	case q.Sign() == 0:
		return Target{}, fmt.Errorf("bitcoin: difficulty %.40q leaves no target, want less than 2^224", decimal)
	case q.BitLen() > 256:
		return MaxTarget(), nil
	}
	return bigTarget(q), nil
}

func bigTarget(v *big.Int) Target {
	var t Target
	v.FillBytes(t[:])
	slices.Reverse(t[:])
	return t
}

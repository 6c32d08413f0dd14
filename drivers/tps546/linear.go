package tps546

// linear11 decodes PMBus' LINEAR11: 5 bits of exponent, 11 bits of mantissa, both
// two's complement (PMBus part II, 7.3). unit is the quantity's unit.
func linear11[Q ~int64](raw uint16, unit Q) Q {
	exp := int8(raw>>8) >> 3
	mantissa := Q(int16(raw<<5) >> 5)
	return scale(mantissa*unit, exp)
}

// linear16 decodes ULINEAR16, whose exponent is in VOUT_MODE (8.3.1).
func linear16[Q ~int64](raw uint16, exp int8, unit Q) Q {
	return scale(Q(raw)*unit, exp)
}

// scale is v * 2^exp, rounded towards zero. No quantity here reaches 2^63.
func scale[Q ~int64](v Q, exp int8) Q {
	if exp < 0 {
		return v / (1 << -exp)
	}
	return v << exp
}

// toLinear11 gives v its finest LINEAR11, rounded towards zero; whole numbers
// below 1024 keep exponent 0, as firmware that is known to work writes them.
func toLinear11[Q ~int64](v, unit Q) uint16 {
	exp, size := int8(0), max(v, -v)
	if v%unit == 0 {
		for scale(size, -exp)/unit > 1023 {
			exp++
		}
	} else {
		for exp > -16 && scale(size, -exp+1)/unit < 1024 {
			exp--
		}
	}
	return uint16(exp)<<11 | uint16(scale(v, -exp)/unit)&0x7ff
}

// toLinear16 rounds to the nearest count.
func toLinear16[Q ~int64](v Q, exp int8, unit Q) uint16 {
	return uint16((scale(v, -exp) + unit/2) / unit)
}

// exponent is the exponent of VOUT_MODE, and whether the mode is linear at all.
func exponent(mode uint8) (exp int8, ok bool) {
	return int8(mode<<3) >> 3, mode&0x60 == 0
}

// relative says whether VOUT_MODE makes limits fractions of VOUT_COMMAND.
func relative(mode uint8) bool { return mode&0x80 != 0 }

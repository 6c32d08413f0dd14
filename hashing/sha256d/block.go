package sha256d

// compress is SHA-256's compression function as the standard has it, for the
// work that is done once per header. w[:16] is the block; the rest is scratch.
func compress(s State, w *[64]uint32) State {
	for t := 16; t < 64; t++ {
		w[t] = s1(w[t-2]) + w[t-7] + s0(w[t-15]) + w[t-16]
	}
	a, b, c, d, e, f, g, h := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
	for t, k := range constants() {
		newE, newA := round(a, b, c, d, e, f, g, h, k+w[t])
		a, b, c, d, e, f, g, h = newA, a, b, c, newE, e, f, g
	}
	return State{a + s[0], b + s[1], c + s[2], d + s[3], e + s[4], f + s[5], g + s[6], h + s[7]}
}

func constants() *[64]uint32 {
	return &[64]uint32{
		k0, k1, k2, k3, k4, k5, k6, k7,
		k8, k9, k10, k11, k12, k13, k14, k15,
		k16, k17, k18, k19, k20, k21, k22, k23,
		k24, k25, k26, k27, k28, k29, k30, k31,
		k32, k33, k34, k35, k36, k37, k38, k39,
		k40, k41, k42, k43, k44, k45, k46, k47,
		k48, k49, k50, k51, k52, k53, k54, k55,
		k56, k57, k58, k59, k60, k61, k62, k63,
	}
}

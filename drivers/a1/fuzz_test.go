package a1

import (
	"bytes"
	"math"
	"testing"
)

// Whatever comes back, the parsers answer without a panic, and what they find
// stands in it.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x18\x02\x1d\xac\x2b\x7c\x00\x00"), 2, 4)
	f.Add([]byte("\x00\x00\x1a\x01\x42\x32\x01\x00\x00\x20\x00\x00"), 1, 2)
	f.Add([]byte("\x00\x00\x00\x00\x01\x00\x00\x01"), 1, 4)
	f.Add([]byte("\x08\x00"), 64, 256)
	f.Add([]byte("\x18"), 0, -1)
	f.Add([]byte("\x1a\x01"), 1, math.MaxInt)
	f.Fuzz(func(t *testing.T, b []byte, chip, at int) {
		if r, a := parseResult(b, at); a == gotResult {
			raw := []byte{r.Job<<4 | byte(cmdReadResult), byte(r.Chip), byte(r.Nonce), byte(r.Nonce >> 8), byte(r.Nonce >> 16), byte(r.Nonce >> 24)}
			if !bytes.Contains(b, raw) || r.Job == 0 || r.Job > 15 {
				t.Errorf("parseResult(%x, %d) = %+v", b, at, r)
			}
		}
		if reg, ok := parseRegister(b, chip, at); ok {
			if !bytes.Contains(b, append([]byte{byte(ansReadReg), byte(chip)}, reg[:]...)) {
				t.Errorf("parseRegister(%x) = %x", b, reg)
			}
			if p, ok := reg.PLL(); ok {
				if back := p.Register(); back[0] != reg[0] || back[1] != reg[1] {
					t.Errorf("register %x has PLL %v, which is %x", reg, p, back)
				}
			}
		}
		if count, words, ok := parseCount(b); ok && (count > 255 || 2*words+4 > len(b)) {
			t.Errorf("parseCount(%x) = %d, %d", b, count, words)
		}
	})
}

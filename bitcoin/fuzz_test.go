package bitcoin

import (
	"bytes"
	"encoding/binary"
	"math/big"
	"slices"
	"testing"
)

func FuzzParseHeader(f *testing.F) {
	f.Add(make([]byte, HeaderSize))
	f.Add(genesisHeader())
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHeader(b)
		if (err == nil) != (len(b) == HeaderSize) {
			t.Fatalf("ParseHeader of %d bytes: %v", len(b), err)
		}
		if err != nil {
			return
		}
		var back [HeaderSize]byte
		h.Put(&back)
		if !bytes.Equal(back[:], b) || h.Hash() != DoubleHash(b) {
			t.Errorf("Put = %x, want %x", back, b)
		}
	})
}

// FuzzCompactTarget compares with mantissa * 256^(exponent-3) in big numbers.
func FuzzCompactTarget(f *testing.F) {
	for _, n := range []uint32{0, 0x1d00ffff, 0x207fffff, 0x01120000, 0x01fedcba, 0xff123456, 0x220000ff, 0x2100ffff, 0x04800000, 0x03008000} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, nbits uint32) {
		want := big.NewInt(int64(nbits & 0x7fffff))
		if e := 8 * (int(nbits>>24) - 3); e >= 0 {
			want.Lsh(want, uint(e))
		} else {
			want.Rsh(want, uint(-e))
		}
		good := want.Sign() > 0 && want.BitLen() <= 256 && nbits&0x800000 == 0
		got, err := CompactTarget(nbits)
		if (err == nil) != good {
			t.Fatalf("CompactTarget(%08x) = %v, %v", nbits, got, err)
		}
		if err != nil {
			return
		}
		if bigOf(got).Cmp(want) != 0 {
			t.Errorf("CompactTarget(%08x) = %v, want %x", nbits, got, want)
		}
		again, err := CompactTarget(got.Compact())
		if err != nil || again != got || again.Compact() != got.Compact() {
			t.Errorf("%08x has the canonical form %08x, which is %v, %v", nbits, got.Compact(), again, err)
		}
	})
}

// FuzzTarget: all 32 bytes are a target; text and compact form come back, the
// latter rounded down by less than one part in 2^15.
func FuzzTarget(f *testing.F) {
	f.Add(make([]byte, 32), make([]byte, 32))
	f.Add(bytes.Repeat([]byte{0xff}, 32), bytes.Repeat([]byte{0x7f}, 32))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if len(a) != 32 || len(b) != 32 {
			return
		}
		x, y := Target(a), Target(b)
		if got := x.Cmp(y); got != bigOf(x).Cmp(bigOf(y)) || got != -y.Cmp(x) {
			t.Errorf("%v.Cmp(%v) = %d", x, y, got)
		}
		wantCredit(t, x)
		if back, err := ParseTarget(x.String()); err != nil || back != x {
			t.Errorf("ParseTarget(%v) = %v, %v", x, back, err)
		}
		if x == (Target{}) {
			return
		}
		down, err := CompactTarget(x.Compact())
		lost := new(big.Int).Sub(bigOf(x), bigOf(down))
		if err != nil || lost.Sign() < 0 || lost.Lsh(lost, 15).Cmp(bigOf(x)) >= 0 {
			t.Errorf("Compact of %v = %08x, which is %v, %v", x, x.Compact(), down, err)
		}
	})
}

func FuzzParseTarget(f *testing.F) {
	f.Add(DifficultyOne().String())
	f.Add("")
	f.Add("0x00000000ffff00000000000000000000000000000000000000000000000000")
	f.Fuzz(func(t *testing.T, text string) {
		target, err := ParseTarget(text)
		if err != nil {
			return
		}
		if back, err := ParseTarget(target.String()); err != nil || back != target || len(text) != 64 {
			t.Errorf("ParseTarget(%q) = %v, %v", text, target, err)
		}
	})
}

func FuzzDifficultyTarget(f *testing.F) {
	for _, s := range []string{"1", "0.5", "1638.4", "1e6", "1e-300", ".", "1e999999999", "0", "1/3", "0x1p-2", "1_0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		target, err := DifficultyTarget(text)
		if err != nil {
			return
		}
		d, ok := new(big.Rat).SetString(text)
		if !ok || d.Sign() <= 0 {
			t.Fatalf("DifficultyTarget(%q) = %v", text, target)
		}
		// target * d <= one < (target+1) * d, unless 256 bits are not enough.
		one := new(big.Rat).SetInt(bigOf(DifficultyOne()))
		low := new(big.Rat).SetInt(bigOf(target))
		high := new(big.Rat).Add(low, big.NewRat(1, 1))
		if low.Mul(low, d).Cmp(one) > 0 || target != MaxTarget() && high.Mul(high, d).Cmp(one) <= 0 {
			t.Errorf("DifficultyTarget(%q) = %v is not one / difficulty", text, target)
		}
	})
}

func FuzzCompactSize(f *testing.F) {
	for _, n := range []uint64{0, 252, 253, 65535, 65536, 1 << 32} {
		f.Add(AppendCompactSize(nil, n))
	}
	f.Add([]byte{0xfd, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		n, rest, err := ReadCompactSize(b)
		if err != nil {
			return
		}
		if back := append(AppendCompactSize(nil, n), rest...); !bytes.Equal(back, b) {
			t.Errorf("ReadCompactSize(%x) = %d, which is %x", b, n, back)
		}
	})
}

func FuzzParseOutputs(f *testing.F) {
	f.Add(AppendOutputs(nil, []Output{{0, WitnessCommitment(nil)}, {1, []byte{0x51}}}))
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		outputs, err := ParseOutputs(b)
		if err != nil {
			return
		}
		if back := AppendOutputs(nil, outputs); !bytes.Equal(back, b) {
			t.Errorf("ParseOutputs(%x) gives %x", b, back)
		}
	})
}

func FuzzStripBIP141(f *testing.F) {
	prefix, suffix := append([]byte{2, 0, 0, 0, 1}, make([]byte, 50)...), make([]byte, 40)
	f.Add(prefix, suffix)
	withPrefix, withSuffix := AddBIP141(prefix, suffix)
	f.Add(withPrefix, withSuffix)
	f.Add([]byte{1, 0, 0, 0, 0, 1}, []byte{1, 32})
	f.Fuzz(func(t *testing.T, prefix, suffix []byte) {
		before := slices.Concat(prefix, suffix)
		p, s, had := StripBIP141(prefix, suffix)
		if !bytes.Equal(before, slices.Concat(prefix, suffix)) {
			t.Fatal("StripBIP141 changed its arguments")
		}
		if !had {
			if !bytes.Equal(p, prefix) || !bytes.Equal(s, suffix) {
				t.Errorf("StripBIP141 changed halves without BIP141")
			}
			return
		}
		if len(p) != len(prefix)-2 || len(s) != len(suffix)-witnessSize {
			t.Errorf("StripBIP141 gives %d and %d bytes of %d and %d", len(p), len(s), len(prefix), len(suffix))
		}
		// All comes back but the reserved value, which is zeros now.
		p, s = AddBIP141(p, s)
		reserved := len(suffix) - lockTimeSize - witnessSize + 2
		want := slices.Concat(suffix[:reserved], make([]byte, 32), suffix[len(suffix)-lockTimeSize:])
		if !bytes.Equal(p, prefix) || !bytes.Equal(s, want) {
			t.Errorf("AddBIP141 gives %x, %x", p, s)
		}
	})
}

func FuzzVersions(f *testing.F) {
	f.Add(uint32(0x20000000), uint32(0x1fffe000), uint32(3))
	f.Add(uint32(0x3fffffff), uint32(0x1fffffe0), uint32(0xffffffff))
	f.Fuzz(func(t *testing.T, version, mask, n uint32) {
		rolled, next := RollVersion(version, mask, n), NextVersion(version, mask)
		if !VersionAllowed(rolled, version, mask) || !VersionAllowed(next, version, mask) {
			t.Errorf("version %08x mask %08x: %08x, %08x", version, mask, rolled, next)
		}
		if NextVersion(rolled, mask) != RollVersion(version, mask, n+1) {
			t.Errorf("version %08x mask %08x: after number %d comes %08x", version, mask, n, NextVersion(rolled, mask))
		}
		if got, ok := CombineVersion(version, mask, rolled&mask); !ok || got != rolled {
			t.Errorf("CombineVersion = %08x, want %08x", got, rolled)
		}
	})
}

// genesisHeader is the header of the first block of the main chain.
func genesisHeader() []byte {
	root, _ := ParseHash("4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b")
	b := binary.LittleEndian.AppendUint32(nil, 1)
	b = append(append(b, make([]byte, 32)...), root[:]...)
	b = binary.LittleEndian.AppendUint32(b, 1231006505)
	b = binary.LittleEndian.AppendUint32(b, 0x1d00ffff)
	return binary.LittleEndian.AppendUint32(b, 2083236893)
}

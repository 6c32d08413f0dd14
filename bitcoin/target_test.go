package bitcoin

import (
	"encoding/json"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// bigOf is the reference for all arithmetic here.
func bigOf(t Target) *big.Int {
	slices.Reverse(t[:])
	return new(big.Int).SetBytes(t[:])
}

func wantCredit(t *testing.T, target Target) {
	t.Helper()
	want := uint64(math.MaxUint64)
	if d := bigOf(target); d.Sign() != 0 {
		if q := new(big.Int).Div(bigOf(DifficultyOne()), d); q.IsUint64() {
			want = q.Uint64()
		}
	}
	if got := target.Credit(); got != want {
		t.Errorf("Credit of %v = %d, want %d", target, got, want)
	}
}

// someTarget has a random length in bits, so that all sizes come up.
func someTarget(r *rand.Rand) Target {
	var t Target
	n := r.IntN(257)
	for i := range n {
		if i == n-1 || r.IntN(2) == 0 {
			t[i/8] |= 1 << (i % 8)
		}
	}
	return t
}

func TestTargetAgainstBig(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	one := new(big.Rat).SetInt(bigOf(DifficultyOne()))
	for range 20000 {
		a, b := someTarget(r), someTarget(r)
		if r.IntN(4) == 0 {
			b = a
			b[r.IntN(32)] ^= 1
		}
		if got, want := a.Cmp(b), bigOf(a).Cmp(bigOf(b)); got != want {
			t.Fatalf("%v.Cmp(%v) = %d, want %d", a, b, got, want)
		}
		if got, want := a.MetBy(Hash(b)), bigOf(b).Cmp(bigOf(a)) <= 0; got != want {
			t.Fatalf("%v.MetBy(%v) = %v, want %v", a, b, got, want)
		}
		wantCredit(t, a)
		if bigOf(a).Sign() == 0 {
			continue
		}
		exact, _ := new(big.Rat).Quo(one, new(big.Rat).SetInt(bigOf(a))).Float64()
		wantNear(t, "Difficulty", a.Difficulty(), exact)
		next := new(big.Int).Add(bigOf(a), big.NewInt(1))
		hashes, _ := new(big.Rat).SetFrac(new(big.Int).Lsh(big.NewInt(1), 256), next).Float64()
		wantNear(t, "Hashes", a.Hashes(), hashes)
	}
}

// TestCreditEdges looks at the targets on both sides of each change of Credit.
func TestCreditEdges(t *testing.T) {
	one := bigOf(DifficultyOne())
	credits := []uint64{1, 2, 3, 0xffff, 0x10000, 1 << 32, 1<<53 + 1, 1 << 63, math.MaxUint64 - 1, math.MaxUint64}
	for _, c := range credits {
		q := new(big.Int).Div(one, new(big.Int).SetUint64(c))
		for d := int64(-2); d <= 2; d++ {
			wantCredit(t, bigTarget(new(big.Int).Add(q, big.NewInt(d))))
		}
	}
	wantCredit(t, Target{})
	wantCredit(t, Target{1})
	wantCredit(t, MaxTarget())
	if got := DifficultyOne().Credit(); got != 1 {
		t.Errorf("Credit of difficulty 1 = %d", got)
	}
}

func TestTargetExtremes(t *testing.T) {
	if d := (Target{}).Difficulty(); !math.IsInf(d, 1) {
		t.Errorf("Difficulty of zero = %v, want +Inf", d)
	}
	if h := MaxTarget().Hashes(); h != 1 {
		t.Errorf("Hashes of all ones = %v, want 1", h)
	}
	if !MaxTarget().MetBy(Hash(MaxTarget())) || !(Target{}).MetBy(Hash{}) {
		t.Error("an equal hash does not meet its target")
	}
	if h := DifficultyOne().Hashes(); math.Abs(h-4295032833) > 1 {
		t.Errorf("Hashes of difficulty 1 = %v, want 4295032833", h)
	}
}

func TestTargetText(t *testing.T) {
	const text = "00000000ffff0000000000000000000000000000000000000000000000000000"
	target, err := ParseTarget(text)
	if err != nil || target != DifficultyOne() || target.String() != text {
		t.Errorf("ParseTarget = %v, %v", target, err)
	}
	b, err := json.Marshal(map[string]Target{"target": target})
	if err != nil || string(b) != `{"target":"`+text+`"}` {
		t.Errorf("JSON = %s, %v", b, err)
	}
	var back map[string]Target
	if err := json.Unmarshal(b, &back); err != nil || back["target"] != target {
		t.Errorf("JSON back = %v, %v", back, err)
	}
	for _, bad := range []string{"", "0", text[1:], text + "00", "0x" + text[2:], strings.Repeat("g", 64)} {
		u := target
		if err := u.UnmarshalText([]byte(bad)); err == nil || u != target {
			t.Errorf("UnmarshalText(%q) = %v, %v, want an error", bad, u, err)
		}
	}
	if _, err := ParseHash(text[2:]); err == nil {
		t.Error("ParseHash takes 62 digits")
	}
}

func TestCompactTarget(t *testing.T) {
	tests := []struct {
		nbits uint32
		want  string // without leading zeroes; or what the error says
	}{
		{0x1d00ffff, "ffff0000000000000000000000000000000000000000000000000000"},
		{0x207fffff, "7fffff" + strings.Repeat("00", 29)}, // regtest
		{0x01120000, "12"},
		{0x02123400, "1234"},
		{0x03123456, "123456"},
		{0x04123456, "12345600"},
		{0x05009234, "92340000"},
		{0x21007fff, "7fff" + strings.Repeat("00", 30)},
		{0x2100ffff, "ffff" + strings.Repeat("00", 30)},
		{0x220000ff, "ff" + strings.Repeat("00", 31)},
		{0x00000000, "zero"},
		{0x00123456, "zero"},
		{0x01003456, "zero"},
		{0x02000056, "zero"},
		{0x03000000, "zero"},
		{0x1d000000, "zero"},
		{0x01803456, "zero"}, // the sign of nothing
		{0x04800000, "zero"},
		{0x00923456, "zero"},
		{0x01fedcba, "negative"},
		{0x04923456, "negative"},
		{0x1d80ffff, "negative"},
		{0x2200ffff, "overflow"},
		{0x21010000, "overflow"},
		{0x23000001, "overflow"},
		{0xff123456, "overflow"},
		{0xffffffff, "negative"},
	}
	for _, test := range tests {
		got, err := CompactTarget(test.nbits)
		if err != nil {
			if !strings.Contains(err.Error(), test.want) || got != (Target{}) {
				t.Errorf("CompactTarget(%08x) = %v, %v, want %s", test.nbits, got, err, test.want)
			}
		} else if strings.TrimLeft(got.String(), "0") != test.want {
			t.Errorf("CompactTarget(%08x) = %v, want %s", test.nbits, got, test.want)
		}
	}
}

func TestCompact(t *testing.T) {
	tests := []struct {
		target string // without leading zeroes
		want   uint32
	}{
		{"", 0},
		{"12", 0x01120000},
		{"80", 0x02008000},
		{"1234", 0x02123400},
		{"ff", 0x0200ff00},
		{"8000", 0x03008000},
		{"7fffff", 0x037fffff},
		{"800000", 0x04008000},
		{"12345678", 0x04123456}, // rounded down
		{"ffff" + strings.Repeat("0", 52), 0x1d00ffff},
		{"7fffff" + strings.Repeat("0", 58), 0x207fffff},
		{strings.Repeat("f", 64), 0x2100ffff},
	}
	for _, test := range tests {
		target, err := ParseTarget(strings.Repeat("0", 64-len(test.target)) + test.target)
		if err != nil {
			t.Fatal(err)
		}
		if got := target.Compact(); got != test.want {
			t.Errorf("Compact of %s = %08x, want %08x", test.target, got, test.want)
		}
	}
}

func TestRateTargetLimits(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, r := range [][2]float64{{0, 1}, {-1, 1}, {1e12, -6}, {nan, 6}, {1e12, nan}, {0, 0}, {inf, inf}, {1, 61}, {1e12, inf}} {
		if got := RateTarget(r[0], r[1]); got != MaxTarget() {
			t.Errorf("RateTarget(%v, %v) = %v, want all ones", r[0], r[1], got)
		}
	}
	hardest := strings.Repeat("0", 32) + strings.Repeat("f", 32)
	for _, r := range [][2]float64{{inf, 6}, {1e12, 0}, {math.MaxFloat64, 1}, {math.MaxFloat64, 1e-9}, {1e39, 60}} {
		if got := RateTarget(r[0], r[1]); got.String() != hardest {
			t.Errorf("RateTarget(%v, %v) = %v, want %s", r[0], r[1], got, hardest)
		}
	}
	// The target asks for as many hashes as the device does in the time of a share.
	for _, rate := range []float64{1e3, 1e6, 2.5e9, 1e14, 3e20} {
		wantWithin(t, RateTarget(rate, 6).Hashes(), rate*10)
	}
}

func wantWithin(t *testing.T, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 2 && math.Abs(got-want) > want*1e-12 {
		t.Errorf("%v hashes, want %v", got, want)
	}
}

func TestDifficultyTargetErrors(t *testing.T) {
	bad := []string{"", ".", "e5", "1e", "1e+", "0", "0.000", "0e5", "-1", "+1", "1/3", "0x10", "1_000", " 1", "1 ",
		"1.2.3", "1e2e3", "1e2.5", "NaN", "inf", "1e999999999", "1e1000", "1e224", strings.Repeat("9", 101), "١"}
	for _, text := range bad {
		if got, err := DifficultyTarget(text); err == nil {
			t.Errorf("DifficultyTarget(%q) = %v, want an error", text, got)
		}
	}
	for text, want := range map[string]Target{
		"1.": DifficultyOne(), "1.000": DifficultyOne(), "100e-2": DifficultyOne(), ".1E1": DifficultyOne(), "01e+0": DifficultyOne(),
		"1e-300": MaxTarget(), "0.0000000001": MaxTarget(),
	} {
		if got, err := DifficultyTarget(text); err != nil || got != want {
			t.Errorf("DifficultyTarget(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestFormatDifficulty(t *testing.T) {
	tests := map[float64]string{
		0: "0", 1.3969858e-05: "1.397e-05", 0.5: "0.5", 1: "1", 18.0434658: "18.04", 999: "999", 999.96: "1000",
		1000: "1K", 1500: "1.5K", 65536: "65.54K", 999949: "999.9K", 999960: "1M", 126.27e12: "126.3T",
		1.5e24: "1.5Y", math.Inf(1): "+Inf",
	}
	for d, want := range tests {
		if got := FormatDifficulty(d); got != want {
			t.Errorf("FormatDifficulty(%v) = %q, want %q", d, got, want)
		}
	}
}

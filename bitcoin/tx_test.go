package bitcoin

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDoubleHash compares with the standard library over all paddings.
func TestDoubleHash(t *testing.T) {
	data := bytes.Repeat([]byte("lode"), 50)
	for n := range data {
		once := sha256.Sum256(data[:n])
		wantHash(t, "DoubleHash", DoubleHash(data[:n]), sha256.Sum256(once[:]))
	}
}

func TestHeightPush(t *testing.T) {
	tests := map[uint32]string{
		0: "00", 1: "51", 2: "52", 16: "60", 17: "0111", 127: "017f", 128: "028000", 255: "02ff00", 256: "020001",
		32767: "02ff7f", 32768: "03008000", 702861: "038db90a", 8388607: "03ffff7f", 8388608: "0400008000",
		math.MaxUint32: "05ffffffff00",
	}
	for height, want := range tests {
		if got := hex.EncodeToString(HeightPush(height)); got != want {
			t.Errorf("HeightPush(%d) = %s, want %s", height, got, want)
		}
	}
}

func TestPush(t *testing.T) {
	for _, test := range []struct {
		n      int
		opcode string
	}{{0, "00"}, {1, "01"}, {75, "4b"}, {76, "4c4c"}, {255, "4cff"}, {256, "4d0001"}, {65535, "4dffff"}, {70000, "4dffff"}} {
		data := make([]byte, test.n)
		want := append(unhex(t, test.opcode), data[:min(test.n, 65535)]...)
		wantBytes(t, "Push", Push(data), want)
	}
}

// regtestTemplate is a template as a node gives it at a low height.
func regtestTemplate() *Template {
	return &Template{
		Height: 5, Version: 0x20000000, NBits: 0x207fffff, NTime: 1700000000, Value: 50_0000_0000,
		CoinbaseVersion: 2, CoinbasePrefix: HeightPush(5), CoinbaseSequence: math.MaxUint32,
		CoinbaseOutputs:     AppendOutputs(nil, []Output{{0, WitnessCommitment(nil)}}),
		CoinbaseOutputCount: 1, Witness: true,
	}
}

func TestCoinbaseLowHeights(t *testing.T) {
	for height := range uint32(18) {
		template := regtestTemplate()
		template.CoinbasePrefix = HeightPush(height)
		c, err := template.Coinbase(nil, []Output{{template.Value, []byte{0x51}}}, 0)
		if err != nil {
			t.Fatalf("height %d: %v", height, err)
		}
		scriptSig := c.Prefix[42:]
		if int(c.Prefix[41]) != len(scriptSig) || len(scriptSig) < 2 {
			t.Errorf("height %d: scriptSig %x with length %d, want two bytes at least", height, scriptSig, c.Prefix[41])
		}
	}
}

func TestCoinbaseLimits(t *testing.T) {
	pays := func(values ...uint64) (outputs []Output) {
		for _, v := range values {
			outputs = append(outputs, Output{v, []byte{0x51}})
		}
		return outputs
	}
	all := pays(50_0000_0000)
	tests := []struct {
		name    string
		change  func(*Template)
		tag     int
		outputs []Output
		size    int
		want    string // in the error; empty: none
	}{
		{name: "good", outputs: all, tag: 10, size: 32},
		{name: "less than the value", outputs: pays(1), size: 8},
		{name: "100 bytes", outputs: all, tag: 66, size: 32},
		{name: "101 bytes", outputs: all, tag: 67, size: 32, want: "scriptSig of 101 bytes"},
		{name: "huge tag", outputs: all, tag: 70000, size: 32, want: "scriptSig"},
		{name: "one byte", change: func(t *Template) { t.CoinbasePrefix = nil }, outputs: all, want: "scriptSig of 1 bytes"},
		{name: "negative extranonce", outputs: all, size: -1, want: "extranonce"},
		{name: "long extranonce", outputs: all, size: 76, want: "extranonce"},
		{name: "a satoshi too much", outputs: pays(50_0000_0000, 1), size: 8, want: "pay 5000000001 satoshi, the template at height 5 has 5000000000"},
		{name: "sum wraps", outputs: pays(math.MaxUint64, 2), size: 8, want: "satoshi"},
		{name: "count too high", change: func(t *Template) { t.CoinbaseOutputCount = 2 }, outputs: all, size: 8, want: "has 1 coinbase outputs and says 2"},
		{name: "torn outputs", change: func(t *Template) { t.CoinbaseOutputs = t.CoinbaseOutputs[:20] }, outputs: all, size: 8, want: "not enough bytes"},
		{name: "nothing paid", change: func(t *Template) { t.CoinbaseOutputs, t.CoinbaseOutputCount = nil, 0 }, size: 8, want: "without outputs"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			template := regtestTemplate()
			if test.change != nil {
				test.change(template)
			}
			_, err := template.Coinbase(make([]byte, test.tag), test.outputs, test.size)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("Coinbase: %v, want %q", err, test.want)
			}
		})
	}
}

func TestCoinbaseManyOutputs(t *testing.T) {
	template := regtestTemplate()
	outputs := make([]Output, 252)
	for i := range outputs {
		outputs[i] = Output{uint64(i), []byte{0x51}}
	}
	for _, n := range []int{251, 252} { // and the template's own makes 252, 253
		c, err := template.Coinbase(nil, outputs[:n], 8)
		if err != nil {
			t.Fatal(err)
		}
		count, rest, err := ReadCompactSize(c.Suffix[4:])
		if err != nil || count != uint64(n+1) {
			t.Fatalf("count = %d, %v, want %d", count, err, n+1)
		}
		got, err := ParseOutputs(rest[:len(rest)-4])
		if err != nil || len(got) != n+1 || !slices.EqualFunc(got[:n], outputs[:n], sameOutput) {
			t.Errorf("%d outputs read back, %v, want %d", len(got), err, n+1)
		}
	}
}

func TestCoinbaseFull(t *testing.T) {
	template := regtestTemplate()
	extranonce := []byte("12345678")
	c, err := template.Coinbase(Push([]byte("lode")), []Output{{template.Value, []byte{0x51}}}, len(extranonce))
	if err != nil {
		t.Fatal(err)
	}
	full := c.Full(extranonce)
	if bytes.Equal(full, slices.Concat(c.Prefix, extranonce, c.Suffix)) {
		t.Error("Full of a segwit coinbase has no witness")
	}
	p, s, had := StripBIP141(full[:60], full[60:])
	if !had || DoubleHash(slices.Concat(p, s)) != c.TxID(extranonce) {
		t.Errorf("TxID is not the hash of the stripped transaction")
	}
	c.Witness = false
	wantHash(t, "TxID", c.TxID(extranonce), DoubleHash(c.Full(extranonce)))
	changed := append([]byte("X"), extranonce[1:]...)
	if c.TxID(changed) == c.TxID(extranonce) {
		t.Error("TxID does not depend on the extranonce")
	}
}

// TestMerkle compares with the definition: hash pairs level by level, the last
// one of an odd level with itself.
func TestMerkle(t *testing.T) {
	var leaves []Hash
	for n := range 40 {
		wantHash(t, "MerkleRoot", MerkleRoot(leaves), slowRoot(leaves))
		if n > 0 {
			before := slices.Clone(leaves)
			wantHash(t, "fold of path", FoldMerkle(leaves[0], MerklePath(leaves[1:])), slowRoot(leaves))
			if !slices.Equal(leaves, before) {
				t.Fatal("MerklePath changed its argument")
			}
		}
		leaves = append(leaves, DoubleHash([]byte{byte(n)}))
	}
}

func slowRoot(level []Hash) Hash {
	if len(level) == 0 {
		return Hash{}
	}
	for len(level) > 1 {
		var up []Hash
		for i := 0; i < len(level); i += 2 {
			right := level[min(i+1, len(level)-1)]
			up = append(up, chainhash.DoubleHashH(slices.Concat(level[i][:], right[:])))
		}
		level = up
	}
	return level[0]
}

// TestWitnessCommitment: an empty block's commitment is the same everywhere.
func TestWitnessCommitment(t *testing.T) {
	const empty = "6a24aa21a9ede2f61c3f71d1defd3fa999dfa36953755c690689799962b48bebd836974e8cf9"
	wantBytes(t, "WitnessCommitment", WitnessCommitment(nil), unhex(t, empty))
	ids := []Hash{{1}, {2}}
	root := slowRoot([]Hash{{}, {1}, {2}})
	want := chainhash.DoubleHashH(append(root[:], make([]byte, 32)...))
	wantBytes(t, "WitnessCommitment", WitnessCommitment(ids)[6:], want[:])
}

func TestAppendBlock(t *testing.T) {
	h := Header{Version: 1, Nonce: 7}
	var header [HeaderSize]byte
	h.Put(&header)
	got := AppendBlock([]byte("x"), &h, []byte("coinbase"), [][]byte{[]byte("a"), []byte("bc")})
	wantBytes(t, "AppendBlock", got, slices.Concat([]byte("x"), header[:], []byte{3}, []byte("coinbaseabc")))
	many := AppendBlock(nil, &h, nil, make([][]byte, 252))
	wantBytes(t, "count of 253", many[HeaderSize:], []byte{0xfd, 0xfd, 0})
}

func TestCompactSizeBad(t *testing.T) {
	for _, text := range []string{"", "fd", "fdfd", "fe010000", "ff01020304050607",
		"fdfc00", "fd0000", "feffff0000", "ffffffffff00000000"} {
		if n, rest, err := ReadCompactSize(unhex(t, text)); err == nil {
			t.Errorf("ReadCompactSize(%s) = %d, %x, want an error", text, n, rest)
		}
	}
	for _, n := range []uint64{0, 252, 253, 0xffff, 0x10000, 0xffffffff, 0x100000000, math.MaxUint64} {
		b := AppendCompactSize(nil, n)
		checkCompactSize(t, &n, b, false)
		for i := range b {
			if _, _, err := ReadCompactSize(b[:i]); err == nil {
				t.Errorf("ReadCompactSize reads %x, a part of %x", b[:i], b)
			}
		}
	}
}

func TestStripBIP141Leaves(t *testing.T) {
	long := make([]byte, 60)
	segwit := append([]byte{2, 0, 0, 0, 0, 1}, long...)
	for _, test := range []struct {
		name           string
		prefix, suffix []byte
	}{
		{"nothing", nil, nil},
		{"prefix too short", segwit[:5], long},
		{"no flag", append([]byte{2, 0, 0, 0, 0, 2}, long...), long},
		{"suffix too short", segwit, long[:37]},
		{"another witness", segwit, long},
	} {
		p, s, had := StripBIP141(test.prefix, test.suffix)
		if had || !bytes.Equal(p, test.prefix) || !bytes.Equal(s, test.suffix) {
			t.Errorf("%s: StripBIP141 = %x, %x, %v", test.name, p, s, had)
		}
	}
	if p, s := AddBIP141([]byte{1, 2, 3}, []byte{1, 2, 3}); len(p) != 3 || len(s) != 3 {
		t.Errorf("AddBIP141 of halves that are none = %x, %x", p, s)
	}
}

func TestParseHeaderLength(t *testing.T) {
	b := make([]byte, HeaderSize+1)
	for n := range b {
		if _, err := ParseHeader(b[:n]); (err == nil) != (n == HeaderSize) {
			t.Errorf("ParseHeader of %d bytes: %v", n, err)
		}
	}
}

func TestVersions(t *testing.T) {
	const mask = 0x1fffe000
	seen := map[uint32]bool{}
	version := uint32(0x20000004)
	for n := range uint32(VersionCount(mask)) {
		rolled := RollVersion(0x3fffe004, mask, n)
		if rolled != version || seen[rolled] || !VersionAllowed(rolled, 0x20000004, mask) {
			t.Fatalf("RollVersion %d = %08x, NextVersion %08x", n, rolled, version)
		}
		seen[rolled] = true
		version = NextVersion(version, mask)
	}
	if version != 0x20000004 {
		t.Errorf("NextVersion does not come back: %08x", version)
	}
	// A mask with holes, and none.
	if got := RollVersion(0xffffffff, 0x80000005, 0b111); got != 0xffffffff {
		t.Errorf("RollVersion = %08x", got)
	}
	if got := RollVersion(0xffffffff, 0x80000005, 0b110); got != 0xfffffffe {
		t.Errorf("RollVersion = %08x", got)
	}
	if NextVersion(5, 0) != 5 || RollVersion(5, 0, 9) != 5 || VersionCount(0) != 1 || VersionCount(math.MaxUint32) != 1<<32 {
		t.Error("an empty or full mask")
	}
}

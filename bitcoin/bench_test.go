package bitcoin

import (
	"fmt"
	"testing"
)

// TestNoAllocations holds what runs for every share and for every device of a
// new block.
func TestNoAllocations(t *testing.T) {
	c, path := benchCoinbase(t)
	header, _ := ParseHeader(genesisHeader())
	target, hash, extranonce := DifficultyOne(), header.Hash(), make([]byte, 32)
	plain := Coinbase{Prefix: c.Prefix, Suffix: c.Suffix}
	var b [HeaderSize]byte
	header.Put(&b)
	tests := map[string]func(){
		"Header.Put":              func() { header.Put(&b) },
		"ParseHeader":             func() { header, _ = ParseHeader(b[:]) },
		"Header.Hash":             func() { hash = header.Hash() },
		"Target.MetBy":            func() { sinkBool = target.MetBy(hash) },
		"Target.Cmp":              func() { sinkBool = target.Cmp(Target(hash)) > 0 },
		"Target.Credit":           func() { sinkCredit = Target(hash).Credit() },
		"Target.Difficulty":       func() { sinkFloat = Target(hash).Difficulty() },
		"CompactTarget":           func() { target, _ = CompactTarget(header.NBits) },
		"Coinbase.TxID":           func() { sinkHash = c.TxID(extranonce) },
		"Coinbase.TxID, no state": func() { sinkHash = plain.TxID(extranonce) },
		"FoldMerkle":              func() { sinkHash = FoldMerkle(hash, path) },
		"VersionAllowed":          func() { sinkBool = VersionAllowed(header.Version, 1, 0x1fffe000) },
		"RollVersion":             func() { header.Version = RollVersion(header.Version, 0x1fffe000, 77) },
	}
	for name, run := range tests {
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

// Sinks keep the compiler from leaving the work out.
var (
	sinkHash   Hash
	sinkBool   bool
	sinkCredit uint64
	sinkFloat  float64
)

// benchCoinbase is a pool's coinbase with a path of a full block's length.
func benchCoinbase(tb testing.TB) (*Coinbase, []Hash) {
	template := regtestTemplate()
	template.CoinbasePrefix = HeightPush(840000)
	script := append([]byte{0, 20}, make([]byte, 20)...)
	c, err := template.Coinbase(Push([]byte("/a pool on lode/")), []Output{{template.Value, script}}, 32)
	if err != nil {
		tb.Fatal(err)
	}
	return c, MerklePath(make([]Hash, 3000))
}

func BenchmarkDoubleHash(b *testing.B) {
	for _, n := range []int{64, 80} {
		b.Run(fmt.Sprintf("%dB", n), func(b *testing.B) {
			data := make([]byte, n)
			b.ReportAllocs()
			for b.Loop() {
				sinkHash = DoubleHash(data)
			}
		})
	}
}

func BenchmarkHeaderHash(b *testing.B) {
	h, _ := ParseHeader(genesisHeader())
	b.ReportAllocs()
	for b.Loop() {
		h.Nonce++
		sinkHash = h.Hash()
	}
}

func BenchmarkTargetMetBy(b *testing.B) {
	h, _ := ParseHeader(genesisHeader())
	hash, target := h.Hash(), DifficultyOne()
	b.ReportAllocs()
	for b.Loop() {
		sinkBool = target.MetBy(hash)
	}
}

func BenchmarkTargetCredit(b *testing.B) {
	target := RateTarget(1e14, 6)
	b.ReportAllocs()
	for b.Loop() {
		sinkCredit = target.Credit()
	}
}

func BenchmarkRateTarget(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		sinkBool = RateTarget(1e14, 6).MetBy(sinkHash)
	}
}

func BenchmarkCoinbaseTxID(b *testing.B) {
	c, _ := benchCoinbase(b)
	plain := &Coinbase{Prefix: c.Prefix, Suffix: c.Suffix}
	for name, c := range map[string]*Coinbase{"midstate": c, "whole": plain} {
		b.Run(name, func(b *testing.B) {
			extranonce := make([]byte, 32)
			b.ReportAllocs()
			for b.Loop() {
				extranonce[31]++
				sinkHash = c.TxID(extranonce)
			}
		})
	}
}

// BenchmarkDeviceRoot is a device's merkle root at a new block of 3000
// transactions: what a pool does 10 000 times.
func BenchmarkDeviceRoot(b *testing.B) {
	c, path := benchCoinbase(b)
	extranonce := make([]byte, 32)
	b.ReportAllocs()
	for b.Loop() {
		extranonce[31]++
		sinkHash = FoldMerkle(c.TxID(extranonce), path)
	}
}

func BenchmarkMerklePath(b *testing.B) {
	txids := make([]Hash, 3000)
	b.ReportAllocs()
	for b.Loop() {
		sinkHash = MerklePath(txids)[0]
	}
}

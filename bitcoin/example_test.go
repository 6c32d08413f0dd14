package bitcoin_test

import (
	"encoding/hex"
	"fmt"
	"math"

	"github.com/lodefw/lode/bitcoin"
)

// The first block of the main chain meets its own target.
func ExampleParseHeader() {
	raw, err := hex.DecodeString("01000000" +
		"0000000000000000000000000000000000000000000000000000000000000000" +
		"3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a" +
		"29ab5f49" + "ffff001d" + "1dac2b7c")
	if err != nil {
		panic(err)
	}
	header, err := bitcoin.ParseHeader(raw)
	if err != nil {
		panic(err)
	}
	target, err := bitcoin.CompactTarget(header.NBits)
	if err != nil {
		panic(err)
	}
	hash := header.Hash()
	fmt.Println("hash  ", hash)
	fmt.Println("target", target)
	fmt.Println("a block:", target.MetBy(hash))
	fmt.Printf("difficulty %s, reached %s\n",
		bitcoin.FormatDifficulty(target.Difficulty()), bitcoin.FormatDifficulty(bitcoin.Target(hash).Difficulty()))
	// Output:
	// hash   000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f
	// target 00000000ffff0000000000000000000000000000000000000000000000000000
	// a block: true
	// difficulty 1, reached 2.536K
}

// A pool makes one coinbase for a template; each device has its own extranonce,
// and so its own merkle root.
func ExampleTemplate_Coinbase() {
	template := bitcoin.Template{
		Height:              840000,
		Value:               3_1250_0000,
		CoinbaseVersion:     2,
		CoinbasePrefix:      bitcoin.HeightPush(840000),
		CoinbaseSequence:    math.MaxUint32,
		CoinbaseOutputs:     bitcoin.AppendOutputs(nil, []bitcoin.Output{{Script: bitcoin.WitnessCommitment(nil)}}),
		CoinbaseOutputCount: 1,
		Witness:             true,
		MerklePath:          bitcoin.MerklePath(nil), // no other transactions
	}
	pool := bitcoin.Output{Value: template.Value, Script: []byte{0x51}}
	coinbase, err := template.Coinbase(bitcoin.Push([]byte("/lode/")), []bitcoin.Output{pool}, 4)
	if err != nil {
		panic(err)
	}
	for _, extranonce := range []string{"dev1", "dev2"} {
		id := coinbase.TxID([]byte(extranonce))
		fmt.Println(extranonce, bitcoin.FoldMerkle(id, template.MerklePath))
	}
	// Output:
	// dev1 bd7da0bae45499cb3d7e2cb8f1bdf02d52cdd68a3e08538657a8912e2e3a4013
	// dev2 b7566c4b640c3726cc96a1ea02669a918de5be246259c1b73d401c4c405aaaff
}

// A device of 1 TH/s that shall find six shares a minute.
func ExampleRateTarget() {
	target := bitcoin.RateTarget(1e12, 6)
	fmt.Println(target)
	fmt.Printf("difficulty %s, %.3g hashes a share\n", bitcoin.FormatDifficulty(target.Difficulty()), target.Hashes())
	// Output:
	// 00000000001c25c2684973697a4c76dbb2e62a7e72b1a04971ca4f314e46b2a1
	// difficulty 2.328K, 1e+13 hashes a share
}

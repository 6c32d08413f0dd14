package embedded

import (
	"encoding/binary"
	"math/big"
	"time"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// How the difficulty follows the hash rate. Every window blocks btcd's rule sets
// the difficulty anew from the time that the window took, by a factor of at most
// adjustment. It measures eight intervals, and the mean of an interval set from
// eight measured ones is 8/7 of the aim (they scatter like an Erlang
// distribution): so the aim is 7 times 15 s for a mean of 15 s.
// TestDifficultyFollows holds these numbers to what they shall do.
const (
	window     = 9
	timespan   = 105 * time.Second
	perBlock   = timespan / window / time.Second * time.Second // btcd counts whole seconds
	adjustment = 16

	// reduction is the time without a block after which the next one may have
	// the lowest difficulty (the rule of the public test networks): a chain
	// whose miner went away or became slower goes on. The first block of a
	// window is exempt from it in btcd.
	reduction = 90 * time.Second
)

const (
	magic     = wire.BitcoinNet(0x65646f6c) // "lode"
	startBits = 0x1e020000                  // 2^23 hashes a block: 3 s in plain Go
	floorBits = 0x1e100000                  // 2^20 hashes a block: the lowest difficulty

	// firstBlocks is what a block of the first window takes where the hash rate
	// is known: soon, for people who are watching, but not all at once.
	firstBlocks = 5 * time.Second
	subsidy     = 50 * 1e8
)

// Params are the consensus parameters of the chain that begins with genesis. All
// rules hold from the first block on. Addresses are written as on regtest, so
// that any wallet tool can make one; the network's magic is its own.
func Params(genesis *wire.MsgBlock) *chaincfg.Params {
	hash := genesis.BlockHash()
	p := chaincfg.RegressionNetParams // a copy: address forms, key prefixes
	p.Name = "lode"
	p.Net = magic
	p.DefaultPort = ""
	p.DNSSeeds = nil
	p.GenesisBlock, p.GenesisHash = genesis, &hash
	p.PowLimit, p.PowLimitBits = powLimit(), floorBits
	p.PoWNoRetargeting, p.EnforceBIP94 = false, false
	p.BIP0034Height, p.BIP0034Hash = 0, nil
	p.BIP0065Height, p.BIP0066Height = 0, 0
	p.CoinbaseMaturity = 100
	p.SubsidyReductionInterval = 210_000
	p.TargetTimespan, p.TargetTimePerBlock = timespan, perBlock
	p.RetargetAdjustmentFactor = adjustment
	p.ReduceMinDifficulty, p.MinDiffReductionTime = true, reduction
	p.GenerateSupported = true
	p.Checkpoints = nil
	for i := range p.Deployments {
		p.Deployments[i].AlwaysActiveHeight = 1
	}
	return &p
}

func powLimit() *big.Int { return blockchain.CompactToBig(floorBits) }

// beginning is the difficulty of the first window for a hash rate; 0 is unknown.
func beginning(rate float64) uint32 {
	if !(rate > 0) {
		return startBits
	}
	hashes, _ := big.NewFloat(min(rate, 1e30) * firstBlocks.Seconds()).Int(nil)
	target := new(big.Int).Lsh(big.NewInt(1), 256)
	target.Div(target, hashes.Add(hashes, big.NewInt(1)))
	if target.Cmp(powLimit()) > 0 {
		return floorBits
	}
	return blockchain.BigToCompact(target)
}

// newGenesis begins a chain at a time with a difficulty. The time is part of the
// genesis block: each data directory is a network of its own, and its first window
// starts with the first block and not with a date in the past, so the difficulty fits
// after eight blocks.
func newGenesis(now time.Time, bits uint32) *wire.MsgBlock {
	coinbase := wire.NewMsgTx(1)
	script := append([]byte{4}, binary.LittleEndian.AppendUint32(nil, uint32(now.Unix()))...)
	text := "lode: a private chain to try mining on"
	script = append(append(script, byte(len(text))), text...)
	coinbase.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&chainhash.Hash{}, wire.MaxPrevOutIndex), script, nil))
	coinbase.AddTxOut(wire.NewTxOut(subsidy, []byte{0x6a})) // OP_RETURN: nobody's
	root := coinbase.TxHash()
	block := wire.NewMsgBlock(wire.NewBlockHeader(1, &chainhash.Hash{}, &root, bits, 0))
	block.Header.Timestamp = time.Unix(now.Unix(), 0)
	if err := block.AddTransaction(coinbase); err != nil {
		panic(err) // fails only above the limit of transactions
	}
	return block
}

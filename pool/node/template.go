package node

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/lodefw/lode/bitcoin"
)

// blockTemplate is the answer of getblocktemplate (BIPs 22, 23, 9 and 145), as
// far as it is used here.
type blockTemplate struct {
	Version       uint32   `json:"version"`
	Rules         []string `json:"rules"` // btcd gives none
	PreviousBlock string   `json:"previousblockhash"`
	Transactions  []struct {
		Data string `json:"data"`
		TxID string `json:"txid"`
		Hash string `json:"hash"` // the witness id
	} `json:"transactions"`
	CoinbaseAux struct {
		Flags string `json:"flags"`
	} `json:"coinbaseaux"`
	CoinbaseValue     *uint64 `json:"coinbasevalue"`
	LongPollID        string  `json:"longpollid"`
	Target            string  `json:"target"`
	MinTime           uint32  `json:"mintime"`
	CurTime           uint32  `json:"curtime"`
	SizeLimit         int     `json:"sizelimit"`
	WeightLimit       int     `json:"weightlimit"`
	Bits              string  `json:"bits"`
	Height            uint32  `json:"height"`
	SignetChallenge   string  `json:"signet_challenge"`
	WitnessCommitment string  `json:"default_witness_commitment"`
}

// maxFlags bounds what of the node's coinbaseaux goes into the scriptSig, of
// whose 100 bytes the pool's tag and the extranonce need most.
const maxFlags = 24

// template checks what the node says and puts it into our form. What the node
// derives from the transactions (ids, witness commitment) is computed anew and
// has to agree.
func (g *blockTemplate) template() (*bitcoin.Template, error) {
	if err := g.mineable(); err != nil {
		return nil, err
	}
	t := &bitcoin.Template{
		Height:           g.Height,
		Version:          g.Version,
		NTime:            max(g.CurTime, g.MinTime),
		MinNTime:         g.MinTime,
		Value:            *g.CoinbaseValue,
		CoinbaseVersion:  2,
		CoinbasePrefix:   bitcoin.HeightPush(g.Height),
		CoinbaseSequence: 0xffffffff,
	}
	var err error
	if t.PrevHash, err = bitcoin.ParseHash(g.PreviousBlock); err != nil {
		return nil, fmt.Errorf("previousblockhash: %w", err)
	}
	if t.NBits, err = g.bits(); err != nil {
		return nil, err
	}
	if flags, err := hex.DecodeString(g.CoinbaseAux.Flags); err == nil && len(flags) <= maxFlags {
		t.CoinbasePrefix = append(t.CoinbasePrefix, flags...)
	}
	return t, g.transactions(t)
}

// mineable refuses what no pool could make a valid block of.
func (g *blockTemplate) mineable() error {
	switch {
	case g.CoinbaseValue == nil:
		return errors.New("no coinbasevalue: the node insists on its own coinbase")
	case *g.CoinbaseValue > 21e14:
		return fmt.Errorf("coinbasevalue %d is more than all money", *g.CoinbaseValue)
	case g.Height == 0 || g.Height > 1<<31-1:
		return fmt.Errorf("height %d", g.Height)
	}
	return checkChallenge(g.SignetChallenge)
}

// checkChallenge lets only signets pass whose blocks need no signature: those
// with a challenge that is a single opcode from OP_1 to OP_16 (BIP325).
func checkChallenge(challenge string) error {
	if challenge == "" {
		return nil
	}
	script, err := hex.DecodeString(challenge)
	if err == nil && len(script) == 1 && script[0] >= 0x51 && script[0] <= 0x60 {
		return nil
	}
	return fmt.Errorf("this signet's blocks must be signed for challenge %.80s, which only its operators can: mine on regtest, or on a signet of your own with -signetchallenge=51", challenge)
}

// bits checks the compact target against the long one.
func (g *blockTemplate) bits() (uint32, error) {
	n, err := strconv.ParseUint(g.Bits, 16, 32)
	if err != nil {
		return 0, fmt.Errorf("bits %.20q", g.Bits)
	}
	target, err := bitcoin.CompactTarget(uint32(n))
	if err != nil {
		return 0, fmt.Errorf("bits: %w", err)
	}
	if g.Target != "" && g.Target != target.String() {
		return 0, fmt.Errorf("bits %s do not mean target %.64q", g.Bits, g.Target)
	}
	return uint32(n), nil
}

// transactions fills in what depends on them.
func (g *blockTemplate) transactions(t *bitcoin.Template) error {
	var (
		txids, wtxids []bitcoin.Hash
		scratch       []byte
		weight, size  int
	)
	for i, tx := range g.Transactions {
		raw, err := hex.DecodeString(tx.Data)
		if err != nil {
			return fmt.Errorf("transaction %d: %w", i, err)
		}
		var txid, wtxid bitcoin.Hash
		var w int
		if txid, wtxid, w, scratch, err = identify(raw, scratch); err != nil {
			return fmt.Errorf("transaction %d: %w", i, err)
		}
		if !isHash(tx.TxID, txid) || !isHash(tx.Hash, wtxid) {
			return fmt.Errorf("transaction %d is %s, and the node calls it %.64q, %.64q", i, txid, tx.TxID, tx.Hash)
		}
		txids, wtxids = append(txids, txid), append(wtxids, wtxid)
		weight, size = weight+w, size+len(raw)
		t.Transactions = append(t.Transactions, raw)
	}
	if g.WeightLimit > 0 && weight > g.WeightLimit || g.SizeLimit > 0 && size > g.SizeLimit {
		return fmt.Errorf("transactions of weight %d and %d bytes leave no room for a coinbase", weight, size)
	}
	t.MerklePath = bitcoin.MerklePath(txids)
	return g.commit(t, wtxids)
}

// commit adds the witness commitment. btcd leaves it out of an empty template and
// gives a bare hash otherwise; Core and its relatives give the whole script.
func (g *blockTemplate) commit(t *bitcoin.Template, wtxids []bitcoin.Hash) error {
	if !g.segwit() {
		return nil
	}
	script := bitcoin.WitnessCommitment(wtxids)
	if want, err := hex.DecodeString(g.WitnessCommitment); err != nil || len(want) > 0 && !bytes.HasSuffix(script, want) {
		return fmt.Errorf("default_witness_commitment %.80q, but the transactions make it %x", g.WitnessCommitment, script)
	}
	t.Witness = true
	t.CoinbaseOutputs = bitcoin.AppendOutputs(nil, []bitcoin.Output{{Script: script}})
	t.CoinbaseOutputCount = 1
	return nil
}

// segwit is true where the rules are not told: it has held everywhere for long.
func (g *blockTemplate) segwit() bool {
	return len(g.Rules) == 0 || slices.Contains(g.Rules, "segwit") || slices.Contains(g.Rules, "!segwit")
}

// isHash tells if text, where it is given, is the hash.
func isHash(text string, h bitcoin.Hash) bool {
	if text == "" {
		return true
	}
	got, err := bitcoin.ParseHash(text)
	return err == nil && got == h
}

package node

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/lodefw/lode/bitcoin"
)

func pemOf(server *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

// readTemplate reads an answer that a real node gave.
func readTemplate(t testing.TB, name string) *blockTemplate {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Result *blockTemplate }
	if err := json.Unmarshal(raw, &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Result
}

// Answers of real nodes, with witnesses in them: what we make of them is what
// btcd's own code makes of the same transactions.
func TestTemplatesOfRealNodes(t *testing.T) {
	for _, name := range []string{"knots-regtest.json", "knots-signet.json", "btcd-regtest.json", "btcd-simnet-empty.json"} {
		t.Run(name, func(t *testing.T) {
			g := readTemplate(t, name)
			tmpl, err := g.template()
			if err != nil {
				t.Fatal(err)
			}
			if tmpl.Height != g.Height || tmpl.Value != *g.CoinbaseValue || tmpl.PrevHash.String() != g.PreviousBlock ||
				tmpl.NTime != g.CurTime || tmpl.MinNTime != g.MinTime || !tmpl.Witness {
				t.Errorf("%+v does not repeat %+v", tmpl, g)
			}
			coinbase, err := tmpl.Coinbase(nil, []bitcoin.Output{{Value: tmpl.Value, Script: []byte{0x51}}}, 4)
			if err != nil {
				t.Fatal(err)
			}
			h := bitcoin.Header{MerkleRoot: bitcoin.FoldMerkle(coinbase.TxID(make([]byte, 4)), tmpl.MerklePath)}
			raw := bitcoin.AppendBlock(nil, &h, coinbase.Full(make([]byte, 4)), tmpl.Transactions)
			block, err := btcutil.NewBlockFromBytes(raw)
			if err != nil {
				t.Fatal(err)
			}
			if err := blockchain.ValidateWitnessCommitment(block); err != nil {
				t.Error(err)
			}
			if root := blockchain.CalcMerkleRoot(block.Transactions(), false); root != h.MerkleRoot {
				t.Errorf("merkle root %s, btcd has %s", h.MerkleRoot, root)
			}
		})
	}
}

func TestTemplateRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*blockTemplate)
		want   string
	}{
		"own coinbase":      {func(g *blockTemplate) { g.CoinbaseValue = nil }, "coinbasevalue"},
		"much money":        {func(g *blockTemplate) { *g.CoinbaseValue = 1 << 60 }, "all money"},
		"no height":         {func(g *blockTemplate) { g.Height = 0 }, "height"},
		"height":            {func(g *blockTemplate) { g.Height = 1 << 31 }, "height"},
		"previous block":    {func(g *blockTemplate) { g.PreviousBlock = "00" }, "previousblockhash"},
		"bits":              {func(g *blockTemplate) { g.Bits = "1d00ffff" }, "target"},
		"no bits":           {func(g *blockTemplate) { g.Bits = "" }, "bits"},
		"negative bits":     {func(g *blockTemplate) { g.Bits, g.Target = "1d80ffff", "" }, "bits"},
		"signet":            {func(g *blockTemplate) { g.SignetChallenge = "512103ad" }, "signed"},
		"no hex":            {func(g *blockTemplate) { g.Transactions[0].Data = "xy" }, "transaction 0"},
		"cut":               {func(g *blockTemplate) { g.Transactions[0].Data = g.Transactions[0].Data[2:] }, "transaction 0"},
		"another id":        {func(g *blockTemplate) { g.Transactions[0].TxID = strings.Repeat("0", 64) }, "transaction 0 is"},
		"another witness":   {func(g *blockTemplate) { g.Transactions[0].Hash = strings.Repeat("0", 64) }, "transaction 0 is"},
		"commitment":        {func(g *blockTemplate) { g.WitnessCommitment = strings.Repeat("0", 64) }, "default_witness_commitment"},
		"commitment no hex": {func(g *blockTemplate) { g.WitnessCommitment = "xy" }, "default_witness_commitment"},
		"full":              {func(g *blockTemplate) { g.WeightLimit = 300 }, "no room"},
	} {
		g := readTemplate(t, "knots-regtest.json")
		test.change(g)
		if _, err := g.template(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: template = %v, want an error with %q", name, err, test.want)
		}
	}
}

// What an operator may meet without harm.
func TestTemplateAllows(t *testing.T) {
	g := readTemplate(t, "knots-regtest.json")
	g.CoinbaseAux.Flags = strings.Repeat("00", 60) // would fill the scriptSig
	g.SignetChallenge = "51"
	g.MinTime = g.CurTime + 5
	tmpl, err := g.template()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(tmpl.CoinbasePrefix, bitcoin.HeightPush(g.Height)) || tmpl.NTime != g.MinTime {
		t.Errorf("%+v", tmpl)
	}
	g = readTemplate(t, "btcd-regtest.json")
	if tmpl, err = g.template(); err != nil || !bytes.Contains(tmpl.CoinbasePrefix, []byte("/P2SH/btcd/")) {
		t.Errorf("the node's flags are not in %q: %v", tmpl.CoinbasePrefix, err)
	}
	g = readTemplate(t, "knots-regtest.json")
	g.Rules, g.Transactions, g.WitnessCommitment = []string{"csv"}, nil, ""
	if tmpl, err = g.template(); err != nil || tmpl.Witness || tmpl.CoinbaseOutputCount != 0 {
		t.Errorf("before segwit: %+v, %v", tmpl, err)
	}
}

// someTransactions are those of the recorded templates.
func someTransactions(t testing.TB) (raws [][]byte) {
	for _, name := range []string{"knots-regtest.json", "btcd-regtest.json"} {
		for _, tx := range readTemplate(t, name).Transactions {
			raw, err := hex.DecodeString(tx.Data)
			if err != nil {
				t.Fatal(err)
			}
			raws = append(raws, raw)
		}
	}
	if len(raws) < 4 {
		t.Fatalf("only %d transactions recorded", len(raws))
	}
	return raws
}

// identify agrees with btcd about every transaction.
func FuzzIdentify(f *testing.F) {
	for _, raw := range someTransactions(f) {
		f.Add(raw)
		f.Add(raw[:len(raw)-1])
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var tx wire.MsgTx
		r := bytes.NewReader(raw)
		failed := tx.Deserialize(r) != nil || r.Len() != 0
		txid, wtxid, weight, _, err := identify(raw, nil)
		if failed {
			return // btcd has limits of its own; what it refuses we may take
		}
		if len(tx.TxIn) == 0 {
			if err == nil {
				t.Fatal("a transaction without inputs")
			}
			return
		}
		if err != nil {
			t.Fatalf("btcd reads it, identify = %v", err)
		}
		want := blockchain.GetTransactionWeight(btcutil.NewTx(&tx))
		if txid != tx.TxHash() || tx.HasWitness() && wtxid != chainhash.Hash(tx.WitnessHash()) || tx.HasWitness() && int64(weight) != want {
			t.Fatalf("identify = %s %s %d, btcd has %s %s %d", txid, wtxid, weight, tx.TxHash(), tx.WitnessHash(), want)
		}
	})
}

func TestIdentifyRefusesPrefixes(t *testing.T) {
	for _, raw := range someTransactions(t) {
		for n := range raw {
			if _, _, _, _, err := identify(raw[:n], nil); err == nil {
				t.Fatalf("%d of %d bytes are a transaction", n, len(raw))
			}
		}
		if _, _, _, _, err := identify(append(raw, 0), nil); err == nil {
			t.Fatal("a byte too many")
		}
	}
}

func FuzzTemplate(f *testing.F) {
	// Small ones: the engine spends its time on making new ones smaller.
	f.Add([]byte(`{"previousblockhash":"326d4d9b8201a9e29226f2eddce1b27e824ecb8d0228aa791e8e99f25831eef6","coinbasevalue":1,"bits":"207fffff","height":9}`))
	f.Add([]byte(`{"previousblockhash":"326d4d9b8201a9e29226f2eddce1b27e824ecb8d0228aa791e8e99f25831eef6","coinbasevalue":1,"bits":"207fffff","height":70000,` +
		`"coinbaseaux":{"flags":"0b2f503253482f627463642f"},"transactions":[{"data":"` + hex.EncodeToString(someTransactions(f)[0]) + `"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var g blockTemplate
		if json.Unmarshal(raw, &g) != nil {
			return
		}
		tmpl, err := g.template()
		if err != nil {
			return
		}
		again, err := g.template()
		if err != nil || !reflect.DeepEqual(tmpl, again) {
			t.Fatalf("twice the same template: %+v, %+v, %v", tmpl, again, err)
		}
		if _, err := tmpl.Coinbase(bitcoin.Push([]byte("lode")), []bitcoin.Output{{Value: tmpl.Value}}, 16); err != nil {
			t.Fatalf("no coinbase fits: %v", err)
		}
	})
}

// A full block's worth: what stands between a new tip and the first job.
func BenchmarkTemplate(b *testing.B) {
	g := readTemplate(b, "knots-regtest.json")
	one := g.Transactions[0]
	g.Transactions, g.WitnessCommitment = nil, ""
	g.WeightLimit, g.SizeLimit = 0, 0
	for range 3000 {
		g.Transactions = append(g.Transactions, one)
	}
	raw, err := json.Marshal(g)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		var g blockTemplate
		if err := json.Unmarshal(raw, &g); err != nil {
			b.Fatal(err)
		}
		if _, err := g.template(); err != nil {
			b.Fatal(err)
		}
	}
}

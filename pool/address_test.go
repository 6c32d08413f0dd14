package pool

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/address/v2/base58"
	"github.com/btcsuite/btcd/address/v2/bech32"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/lodefw/lode/internal/vectors"
)

func TestAddressVectors(t *testing.T) {
	type vector struct {
		Address string          `json:"address"`
		Network string          `json:"network"`
		Script  json.RawMessage `json:"script_pubkey"`
	}
	vectors.Each(t, "addresses", func(t *testing.T, v vector) {
		var want vectors.Hex
		if err := json.Unmarshal(v.Script, &want); err != nil {
			t.Fatal(err)
		}
		got, err := PayoutScript(v.Address, v.Network)
		if want == nil {
			if err == nil {
				t.Errorf("PayoutScript(%q, %s) = %x, must be refused", v.Address, v.Network, got)
			}
			return
		}
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("PayoutScript(%q, %s) = %x, %v, want %x", v.Address, v.Network, got, err, []byte(want))
		}
	})
}

func TestPayoutScriptRefuses(t *testing.T) {
	for _, c := range []struct{ addr, net string }{
		{"", "mainnet"},
		{"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "moonnet"},
		{"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "regtest"},
		{"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "testnet"},
		{"0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798", "mainnet"},
		{"bc1pfeessrawgf", "mainnet"},                             // an anchor, which anybody may spend
		{"bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kj9wkru", "mainnet"}, // a key hash's bytes as version 1
		{strings.Repeat("z", 1<<20), "mainnet"},
	} {
		if script, err := PayoutScript(c.addr, c.net); err == nil {
			t.Errorf("PayoutScript(%q, %s) = %x, must be refused", c.addr, c.net, script)
		}
	}
}

func TestSubsidyInterval(t *testing.T) {
	for net, want := range map[string]uint32{"mainnet": 210_000, "signet": 210_000, "regtest": 150} {
		if got, err := SubsidyInterval(net); got != want || err != nil {
			t.Errorf("SubsidyInterval(%s) = %d, %v, want %d", net, got, err, want)
		}
	}
}

// FuzzPayoutScript also takes the text for what is inside an address, whose checksum
// no chance would meet.
func FuzzPayoutScript(f *testing.F) {
	f.Add("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4")
	f.Add("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")
	f.Add("\x00twenty bytes of hash")
	f.Add("\x00a hash that has 32 bytes as v0's")
	f.Add("\x01a key that has 32 bytes, as v1's")
	f.Add("\x01twenty bytes of hash")
	f.Add("\x01\x4e\x73")
	f.Fuzz(func(t *testing.T, text string) {
		for _, addr := range addressesOf(text) {
			script, err := PayoutScript(addr, "mainnet")
			if err != nil {
				continue
			}
			_, back, _, err := txscript.ExtractPkScriptAddrs(script, &chaincfg.MainNetParams)
			if err != nil || len(back) != 1 || !strings.EqualFold(back[0].EncodeAddress(), addr) || len(script) < 22 || len(script) > 42 {
				t.Errorf("%q pays to %x: %v, %v", addr, script, back, err)
			}
		}
	})
}

// addressesOf are the text itself, and the addresses whose first byte is the version
// and whose rest is the hash.
func addressesOf(text string) []string {
	all := []string{text}
	if len(text) < 2 || len(text) > 65 {
		return all
	}
	all = append(all, base58.CheckEncode([]byte(text[1:]), text[0]))
	data, err := bech32.ConvertBits([]byte(text[1:]), 8, 5, true)
	if err != nil {
		return all
	}
	data = append([]byte{text[0] % 32}, data...)
	for _, encode := range []func(string, []byte) (string, error){bech32.Encode, bech32.EncodeM} {
		if addr, err := encode("bc", data); err == nil {
			all = append(all, addr)
		}
	}
	return all
}

func ExamplePayoutScript() {
	script, err := PayoutScript("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "mainnet")
	fmt.Printf("%x %v\n", script, err)
	// Output: 0014751e76e8199196d454941c45d1b3a323f1433bd6 <nil>
}

package pool

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

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

func FuzzPayoutScript(f *testing.F) {
	f.Add("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4")
	f.Add("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")
	f.Fuzz(func(t *testing.T, addr string) {
		script, err := PayoutScript(addr, "mainnet")
		if err == nil && (len(script) < 22 || len(script) > 42) {
			t.Errorf("%q pays to %x", addr, script)
		}
	})
}

func ExamplePayoutScript() {
	script, err := PayoutScript("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "mainnet")
	fmt.Printf("%x %v\n", script, err)
	// Output: 0014751e76e8199196d454941c45d1b3a323f1433bd6 <nil>
}

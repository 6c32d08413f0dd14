package nodetest

import "testing"

func TestBtcd(t *testing.T) {
	n := Btcd(t, "simnet")
	if got := n.Height(t); got != 0 {
		t.Fatalf("height %d at the start", got)
	}
	n.Stop()
	if err := n.call(nil, "getblockcount"); err == nil {
		t.Fatal("the stopped node answers")
	}
	n.Start(t)
	n.Best(t)
}

func TestKnots(t *testing.T) {
	for _, network := range []string{"regtest", "signet"} {
		t.Run(network, func(t *testing.T) {
			n := Knots(t, network)
			var info struct{ Chain string }
			n.Call(t, &info, "getblockchaininfo")
			if info.Chain != network || n.Height(t) != 0 {
				t.Fatalf("chain %q at height %d", info.Chain, n.Height(t))
			}
		})
	}
}

package pool

import (
	"fmt"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/txscript/v2"
)

// network is the parameters of a network by the name that nodes' users give it.
func network(name string) (*chaincfg.Params, error) {
	switch name {
	case "mainnet":
		return &chaincfg.MainNetParams, nil
	case "testnet", "testnet3":
		return &chaincfg.TestNet3Params, nil
	case "testnet4":
		return &chaincfg.TestNet4Params, nil
	case "signet":
		return &chaincfg.SigNetParams, nil
	case "regtest":
		return &chaincfg.RegressionNetParams, nil
	case "simnet":
		return &chaincfg.SimNetParams, nil
	}
	return nil, fmt.Errorf("pool: network %q is not known; use mainnet, testnet, testnet4, signet, regtest or simnet", name)
}

// PayoutScript is the output script that pays to addr, an address of the network
// named net. It refuses addresses of other networks, and bare public keys: a slip
// here pays somebody else, or nobody.
func PayoutScript(addr, net string) ([]byte, error) {
	params, err := network(net)
	if err != nil {
		return nil, err
	}
	a, err := address.DecodeAddress(addr, params)
	if err != nil {
		return nil, fmt.Errorf("pool: payout address %q on %s: %w", addr, net, err)
	}
	if _, bare := a.(*address.AddressPubKey); bare || !a.IsForNet(params) {
		return nil, fmt.Errorf("pool: payout address %q is no address of %s", addr, net)
	}
	script, err := txscript.PayToAddrScript(a)
	if err != nil {
		return nil, fmt.Errorf("pool: payout address %q: %w", addr, err)
	}
	return script, nil
}

// SubsidyInterval is the number of blocks between halvings on the network named
// net, for Config.
func SubsidyInterval(net string) (uint32, error) {
	params, err := network(net)
	if err != nil {
		return 0, err
	}
	return uint32(params.SubsidyReductionInterval), nil
}

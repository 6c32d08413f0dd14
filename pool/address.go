package pool

import (
	"fmt"
	"strings"

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
// named net. It refuses addresses of other networks, bare public keys, and anchors,
// which anybody may spend: a slip here pays somebody else, or nobody.
func PayoutScript(addr, net string) ([]byte, error) {
	params, err := network(net)
	if err != nil {
		return nil, err
	}
	if len(addr) > longestAddress { // base58 takes seconds for a megabyte
		return nil, fmt.Errorf("pool: payout address of %d characters, want at most %d", len(addr), longestAddress)
	}
	a, err := address.DecodeAddress(addr, params)
	if err != nil {
		return nil, fmt.Errorf("pool: payout address %q on %s: %w", addr, net, err)
	}
	// btcd reads 20 bytes of any witness version as a key hash of version 0.
	if !owned(a) || !a.IsForNet(params) || !strings.EqualFold(a.EncodeAddress(), addr) {
		return nil, fmt.Errorf("pool: payout address %q is no address of %s that has an owner", addr, net)
	}
	script, err := txscript.PayToAddrScript(a)
	if err != nil {
		return nil, fmt.Errorf("pool: payout address %q: %w", addr, err)
	}
	return script, nil
}

// longestAddress is BIP173's limit.
const longestAddress = 90

// owned says whether it takes a key or a script to spend what a was paid.
func owned(a address.Address) bool {
	switch a.(type) {
	case *address.AddressPubKeyHash, *address.AddressScriptHash,
		*address.AddressWitnessPubKeyHash, *address.AddressWitnessScriptHash, *address.AddressTaproot:
		return true
	}
	return false
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

package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync/atomic"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/internal/cli"
	"github.com/lodefw/lode/pool"
	"github.com/lodefw/lode/pool/embedded"
	"github.com/lodefw/lode/pool/node"
)

// openChain opens the chain, and gives what a pool must know of it.
func (st *stack) openChain(cfg *config, log *slog.Logger) (pool.Chain, pool.Config, error) {
	if cfg.Chain == "rpc" {
		return openNodes(cfg, log)
	}
	var pc pool.Config
	rate, err := cfg.rate()
	if err != nil {
		return nil, pc, err
	}
	ec := embedded.Config{HashRate: rate, Log: log}
	if cfg.Data != "" {
		ec.Dir = filepath.Join(cfg.Data, "chain")
	}
	pc.PayoutScript = []byte{0x51} // OP_TRUE: anyone's, and worth nothing
	if cfg.Payout != "" {
		if pc.PayoutScript, err = pool.PayoutScript(cfg.Payout, "regtest"); err != nil {
			return nil, pc, cli.Failf(cli.Config, "%w; the embedded chain writes addresses as regtest does", err)
		}
	}
	c, err := embedded.Open(ec)
	if err != nil {
		return nil, pc, err
	}
	st.closers = append(st.closers, c.Close)
	pc.SubsidyInterval = uint32(c.Params().SubsidyReductionInterval)
	return c, pc, nil
}

func openNodes(cfg *config, log *slog.Logger) (pool.Chain, pool.Config, error) {
	var pc pool.Config
	network, err := cfg.network()
	if err != nil {
		return nil, pc, cli.Fail(cli.Config, err)
	}
	if pc.PayoutScript, err = pool.PayoutScript(cfg.Payout, network); err != nil {
		return nil, pc, cli.Fail(cli.Config, err)
	}
	if pc.SubsidyInterval, err = pool.SubsidyInterval(network); err != nil {
		return nil, pc, cli.Fail(cli.Config, err)
	}
	nc := node.Config{Log: log}
	for _, n := range cfg.nodes() {
		nc.Nodes = append(nc.Nodes, node.Node{URL: n.URL, User: n.User, Password: n.Password, CookieFile: n.Cookie, CAFile: n.CA})
	}
	c, err := node.New(nc)
	if err != nil {
		return nil, pc, cli.Fail(cli.Config, err)
	}
	name := func() string {
		if p := c.Params(); p != nil {
			return p.Name
		}
		return ""
	}
	return &checked{Chain: c, name: name, payout: cfg.Payout, network: cfg.Network}, pc, nil
}

// network is the one that was named, or the first that has the payout address.
func (c *config) network() (string, error) {
	if c.Network != "" {
		return c.Network, nil
	}
	var first error
	for _, name := range []string{"mainnet", "testnet", "regtest", "simnet"} {
		_, err := pool.PayoutScript(c.Payout, name)
		if err == nil {
			return name, nil
		}
		if first == nil {
			first = err
		}
	}
	return "", first
}

// checked lets no template pass until it is sure that the nodes are on the network
// of the payout address.
type checked struct {
	pool.Chain
	name            func() string // of the nodes' network, "" if it is not a known one
	payout, network string
	sure            atomic.Bool
}

// Run is part of pool.Chain.
func (c *checked) Run(ctx context.Context, update func(*bitcoin.Template)) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	err := c.Chain.Run(ctx, func(t *bitcoin.Template) {
		if err := c.check(); err != nil {
			stop(err)
			return
		}
		update(t)
	})
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

func (c *checked) check() error {
	name := c.name()
	if name == "" || c.sure.Load() {
		return nil
	}
	if c.network != "" && c.network != name && c.network+"3" != name {
		return cli.Failf(cli.Config, "the node is on %s, the configuration says %s", name, c.network)
	}
	if _, err := pool.PayoutScript(c.payout, name); err != nil {
		return cli.Failf(cli.Config, "%w, where the node is; give an address of that network", err)
	}
	c.sure.Store(true)
	return nil
}

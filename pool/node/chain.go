// Package node takes templates from Bitcoin nodes and gives them blocks, by
// JSON-RPC: getblocktemplate with long polling, and submitblock. Several nodes
// stand in order of preference; a dead one is left within two seconds, and the
// preferred one is used again once it has answered for a while. It works with
// Bitcoin Core and its relatives and with btcd.
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/lodefw/lode/bitcoin"
)

// Node says how to reach a node. User and Password, or CookieFile; the URL may
// also hold user and password.
type Node struct {
	URL        string // http://127.0.0.1:8332
	User       string
	Password   string
	CookieFile string // read at each call: the node writes a new one at each start
	CAFile     string // PEM; for https with the node's own certificate (btcd's rpc.cert)
}

// Config lists the nodes, the preferred one first. Zero durations mean the
// values that their comments tell.
type Config struct {
	Nodes []Node

	Refresh     time.Duration // a template is at most this old: 45 s
	Timeout     time.Duration // of a call: 10 s
	Ping        time.Duration // how often a node is asked for its tip: 400 ms
	PingTimeout time.Duration // after which it is held for dead: 1.5 s
	Retry       time.Duration // first pause after an error, doubled each time: 250 ms
	MaxRetry    time.Duration // longest pause: 5 s
	Settle      time.Duration // how long a preferred node has to be up to be used again: 5 s
	Lag         time.Duration // how long a node may be behind the others: 30 s
	SubmitFor   time.Duration // how long a block is offered to a node that does not answer: 60 s

	Dial func(ctx context.Context, network, addr string) (net.Conn, error) // nil: the network
	Now  func() time.Time
	Log  *slog.Logger
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		value *time.Duration
		zero  time.Duration
	}{
		{&c.Refresh, 45 * time.Second},
		{&c.Timeout, 10 * time.Second},
		{&c.Ping, 400 * time.Millisecond},
		{&c.PingTimeout, 1500 * time.Millisecond},
		{&c.Retry, 250 * time.Millisecond},
		{&c.MaxRetry, 5 * time.Second},
		{&c.Settle, 5 * time.Second},
		{&c.Lag, 30 * time.Second},
		{&c.SubmitFor, 60 * time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.zero
		}
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{Timeout: 2 * time.Second}).DialContext
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Chain is the chain as these nodes see it. Run, Submit and Status may be called
// at the same time; Close goes last.
type Chain struct {
	cfg     Config
	sources []*source
	changed chan struct{}

	mu      sync.Mutex
	network string // what the first node that answered said
	active  int    // whose template is in use; -1: none yet
	behind  []time.Time

	submits  sync.WaitGroup // blocks on their way
	stopping context.CancelFunc
	alive    context.Context // ends when Close stops waiting for them
}

// New checks the configuration; it does not connect.
func New(cfg Config) (*Chain, error) {
	if len(cfg.Nodes) == 0 {
		return nil, errors.New("node: no node is configured")
	}
	c := &Chain{cfg: cfg.withDefaults(), changed: make(chan struct{}, 1), active: -1}
	for _, n := range cfg.Nodes {
		rpc, err := newClient(n, c.cfg.Timeout, c.cfg.Dial)
		if err != nil {
			return nil, err
		}
		c.sources = append(c.sources, &source{
			rpc: rpc, cfg: &c.cfg, log: c.cfg.Log, agree: c.agree, changed: c.changed, err: errNoTemplate,
		})
	}
	c.behind = make([]time.Time, len(c.sources))
	c.alive, c.stopping = context.WithCancel(context.Background())
	return c, nil
}

// agree lets the first node decide, and refuses those of another network.
func (c *Chain) agree(network string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.network == "" {
		c.network = network
	}
	if c.network != network {
		return fmt.Errorf("on chain %q, but the others are on %q: remove it from the configuration", network, c.network)
	}
	return nil
}

// Run calls update with each new template until ctx ends. While no node is
// usable the last template stands; the log and Status say why.
func (c *Chain) Run(ctx context.Context, update func(*bitcoin.Template)) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, s := range c.sources {
		wg.Go(func() { s.run(ctx) })
	}
	var last *bitcoin.Template
	settle := time.NewTicker(c.cfg.Ping)
	defer settle.Stop()
	for {
		if t := c.choose(); t != nil && t != last {
			last = t
			update(t)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.changed:
		case <-settle.C:
		}
	}
}

// choose is the template of the best node; nil while none has one.
func (c *Chain) choose() *bitcoin.Template {
	views := make([]view, len(c.sources))
	for i, s := range c.sources {
		views[i] = s.view()
	}
	now := c.cfg.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.measureLag(views, now)
	best := c.pick(views, now)
	if best < 0 {
		return nil
	}
	if best != c.active {
		c.cfg.Log.Info("templates from node", "node", c.sources[best].rpc.name, "preference", best+1)
		c.active = best
	}
	return views[best].template
}

// pick is the first node in order that is up and not stuck. One that has just
// come back has to stay up for a while first, or its restarts would move all
// miners to and fro.
func (c *Chain) pick(views []view, now time.Time) int {
	inUse := c.active >= 0 && c.usable(views, c.active, now)
	for i := range views {
		if !c.usable(views, i, now) {
			continue
		}
		if inUse && i < c.active && now.Sub(views[i].up) < c.cfg.Settle {
			continue
		}
		return i
	}
	// All are stuck or down: any that is up is better than none.
	for i, v := range views {
		if v.err == nil {
			return i
		}
	}
	return -1
}

func (c *Chain) usable(views []view, i int, now time.Time) bool {
	return views[i].err == nil && (c.behind[i].IsZero() || now.Sub(c.behind[i]) < c.cfg.Lag)
}

// measureLag notes since when each node is below the highest.
func (c *Chain) measureLag(views []view, now time.Time) {
	var top uint32
	for _, v := range views {
		if v.err == nil {
			top = max(top, v.template.Height)
		}
	}
	for i, v := range views {
		switch {
		case v.err == nil && v.template.Height >= top:
			c.behind[i] = time.Time{}
		case v.err == nil && c.behind[i].IsZero():
			c.behind[i] = now
		}
	}
}

// Params are those of the network that the nodes are on; nil until one answered,
// or if it is an unknown one. They say how addresses are written.
func (c *Chain) Params() *chaincfg.Params {
	c.mu.Lock()
	defer c.mu.Unlock()
	return networkParams(c.network)
}

// networkParams knows the names that getblockchaininfo uses.
func networkParams(name string) *chaincfg.Params {
	switch name {
	case "main", "mainnet":
		return &chaincfg.MainNetParams
	case "test", "testnet3":
		return &chaincfg.TestNet3Params
	case "testnet4":
		return &chaincfg.TestNet4Params
	case "signet":
		return &chaincfg.SigNetParams
	case "regtest":
		return &chaincfg.RegressionNetParams
	case "simnet":
		return &chaincfg.SimNetParams
	}
	return nil
}

// Status is what people want to see of the nodes.
type Status struct {
	Network string       `json:"network"`
	Nodes   []NodeStatus `json:"nodes"`
}

// NodeStatus is one node, in the order of preference.
type NodeStatus struct {
	Name       string       `json:"name"` // host and port
	InUse      bool         `json:"in_use"`
	Error      string       `json:"error,omitempty"` // why it is down
	Height     uint32       `json:"height"`          // of its best block
	Best       bitcoin.Hash `json:"best"`
	Difficulty float64      `json:"difficulty"` // of the next block
}

// Status is the present state.
func (c *Chain) Status() Status {
	c.mu.Lock()
	st, active := Status{Network: c.network}, c.active
	c.mu.Unlock()
	for i, s := range c.sources {
		v := s.view()
		n := NodeStatus{Name: s.rpc.name, InUse: i == active}
		if v.err != nil {
			n.Error = v.err.Error()
		}
		if t := v.template; t != nil {
			n.Height, n.Best = t.Height-1, t.PrevHash
			if target, err := bitcoin.CompactTarget(t.NBits); err == nil {
				n.Difficulty = target.Difficulty()
			}
		}
		st.Nodes = append(st.Nodes, n)
	}
	return st
}

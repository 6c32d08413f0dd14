package main

import (
	"flag"

	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/internal/cli"
	"github.com/lodefw/lode/pool"
)

// config is the file, the environment and the flags.
type config struct {
	Listen           string  `toml:"listen"`
	Plain            bool    `toml:"plain"`
	Data             string  `toml:"data"`
	AuthorityKey     string  `toml:"authority-key"`
	AuthorityKeyFile string  `toml:"authority-key-file"`
	Chain            string  `toml:"chain"`
	Payout           string  `toml:"payout"`
	Network          string  `toml:"network"`
	HashRate         string  `toml:"hash-rate"`
	Tag              string  `toml:"tag"`
	SharesPerMinute  float64 `toml:"shares-per-minute"`
	FixedVersion     bool    `toml:"fixed-version"`
	Status           string  `toml:"status"`
	Verbose          bool    `toml:"verbose"`
	RPC              []rpc   `toml:"rpc"`
	Limits           limits  `toml:"limits"`

	version, example bool
	urls             cli.Strings // of -rpc
	cookie           string      // of -rpc-cookie
}

// rpc is how to reach a Bitcoin node.
type rpc struct {
	URL      string `toml:"url"`
	User     string `toml:"user"`
	Password string `toml:"password"`
	Cookie   string `toml:"cookie"`
	CA       string `toml:"ca"`
}

// limits are those of pool.Limits that an operator may want to move.
type limits struct {
	Connections int     `toml:"connections"`
	PerAddress  int     `toml:"per-address"`
	Channels    int     `toml:"channels"`
	Messages    float64 `toml:"messages"`
}

// defaultListen is this machine only, on purpose: a pool that others can reach
// should be somebody's decision.
const defaultListen = "127.0.0.1:34254"

func defaults() config {
	return config{Listen: defaultListen, Chain: "embedded", SharesPerMinute: 12, Tag: "/lode/"}
}

func defineFlags(fs *flag.FlagSet, c *config) {
	fs.StringVar(&c.Listen, "listen", c.Listen, "serve devices on this `address`; :34254 is every interface")
	fs.BoolVar(&c.Plain, "plain", c.Plain, "serve without encryption: anyone on the way can steal the work")
	fs.StringVar(&c.Data, "data", c.Data, "keep chain, ledger and key in this `folder`; empty keeps nothing")
	fs.StringVar(&c.AuthorityKeyFile, "authority-key-file", c.AuthorityKeyFile, "secret authority key, as keygen -o writes it; empty is DATA/authority.key, made at the first start")
	fs.StringVar(&c.Chain, "chain", c.Chain, "where blocks go: `kind` embedded (a private chain to try things on) or rpc (Bitcoin nodes)")
	fs.Var(&cli.List{Values: &c.urls}, "rpc", "`URL` of a node's JSON-RPC, as http://127.0.0.1:8332; repeat it for nodes to fall back on, in order of preference")
	fs.StringVar(&c.cookie, "rpc-cookie", c.cookie, "cookie `file` of the nodes given by -rpc, in place of a user and password in the URL")
	fs.StringVar(&c.HashRate, "hash-rate", c.HashRate, "hash `rate` that a new embedded chain begins with, as 40MH/s or 1.2TH/s, for a block in 5 s at first; empty begins low. Later its difficulty follows by itself")
	fs.StringVar(&c.Payout, "payout", c.Payout, "`address` that blocks pay to; needed with -chain rpc")
	fs.StringVar(&c.Network, "network", c.Network, "`name` of the network: mainnet, testnet, testnet4, signet, regtest or simnet; empty goes by the payout address")
	fs.StringVar(&c.Tag, "tag", c.Tag, "`text` in the coinbase of our blocks")
	fs.Float64Var(&c.SharesPerMinute, "shares-per-minute", c.SharesPerMinute, "shares a minute that each device should find; sets its difficulty")
	fs.BoolVar(&c.FixedVersion, "fixed-version", c.FixedVersion, "refuse version rolling; most devices need it")
	fs.StringVar(&c.Status, "status", c.Status, "serve the status as JSON on this `address`: host:port, :port (this machine only) or unix:PATH")
	fs.BoolVar(&c.Verbose, "v", c.Verbose, "log every step")
	fs.BoolVar(&c.example, "example", false, "print a configuration file with every key, and exit")
	fs.BoolVar(&c.version, "version", false, "print the version and exit")
}

// check finds what cannot be meant.
func (c *config) check() error {
	switch {
	case c.Chain != "embedded" && c.Chain != "rpc":
		return cli.Failf(cli.Config, "chain %q is not known; use embedded or rpc", c.Chain)
	case c.Chain == "rpc" && len(c.nodes()) == 0:
		return cli.Failf(cli.Config, "no node: add -rpc http://127.0.0.1:8332, or [[rpc]] to the configuration")
	case c.Chain == "rpc" && c.Payout == "":
		return cli.Failf(cli.Config, "nobody to pay: add -payout ADDRESS, yours on the node's network")
	case !(c.SharesPerMinute > 0 && c.SharesPerMinute <= 6000):
		return cli.Failf(cli.Config, "shares-per-minute %v: want more than 0 and at most 6000", c.SharesPerMinute)
	case c.Limits.Connections < 0 || c.Limits.PerAddress < 0 || c.Limits.Channels < 0 || c.Limits.Messages < 0:
		return cli.Failf(cli.Config, "limits: a limit cannot be negative; leave a key out for its default")
	}
	if c.Network != "" {
		if _, err := pool.SubsidyInterval(c.Network); err != nil { // which knows them all
			return cli.Fail(cli.Config, err)
		}
	}
	_, err := c.rate()
	return err
}

// rate is what the embedded chain begins with; 0: as it likes.
func (c *config) rate() (float64, error) {
	if c.HashRate == "" {
		return 0, nil
	}
	v, err := hashing.ParseRate(c.HashRate)
	if err != nil {
		return 0, cli.Failf(cli.Config, "hash-rate: %w", err)
	}
	return v, nil
}

// nodes are those of -rpc, or else those of the file and the environment.
func (c *config) nodes() []rpc {
	if len(c.urls) == 0 {
		return c.RPC
	}
	nodes := make([]rpc, len(c.urls))
	for i, u := range c.urls {
		nodes[i] = rpc{URL: u, Cookie: c.cookie}
	}
	return nodes
}

func (c *config) limits() pool.Limits {
	l := c.Limits
	return pool.Limits{Connections: l.Connections, PerAddress: l.PerAddress, Channels: l.Channels, Messages: l.Messages}
}

// exampleFile has every key; a test reads it back.
const exampleFile = `# lode-pool -config FILE. Every key is also an environment variable, as
# LODE_POOL_LISTEN or LODE_POOL_RPC_0_URL; a flag wins over both.

listen = "127.0.0.1:34254"    # ":34254" serves every interface
plain = false                 # true: no encryption
data = ""                     # folder for chain, ledger and key; "" keeps nothing
authority-key = ""            # the secret key itself, or
authority-key-file = ""       # the file that holds it; "" is DATA/authority.key
chain = "embedded"            # or "rpc"
payout = ""                   # address that blocks pay to
network = ""                  # mainnet, testnet, testnet4, signet, regtest, simnet
hash-rate = ""                # that a new embedded chain begins with, as "40MH/s"
tag = "/lode/"                # text in the coinbase of our blocks
shares-per-minute = 12.0      # that each device should find
fixed-version = false         # true: refuse version rolling
status = ""                   # address of the JSON status socket
verbose = false

# Nodes in order of preference, for chain = "rpc".
#[[rpc]]
#url = "http://127.0.0.1:8332"
#cookie = "/home/bitcoin/.bitcoin/.cookie"   # or user and password
#user = ""
#password = ""
#ca = ""                                     # certificate, for https to btcd

[limits]                      # 0 or left out: the default
connections = 20000
per-address = 1000            # loopback is exempt
channels = 256                # on one connection
messages = 200.0              # a second from one connection, on average
`

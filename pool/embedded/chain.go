// Package embedded is the default chain, for people without a node: a private
// network of one, in the process of the pool. Every block is checked by btcd's
// consensus code, none of it ours, under parameters of its own: the difficulty
// follows the hash rate, so that a laptop core finds a block about every 15
// seconds, and each data directory starts with its own genesis block. There are
// no transactions but coinbases, and no peers.
package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/database"
	"github.com/lodefw/lode/bitcoin"
)

// Config says where the chain lives. The zero value is a chain that is gone when
// it is closed.
type Config struct {
	Dir     string        // data directory; empty: a temporary one, removed by Close
	Refresh time.Duration // how often a template gets the current time; 0: 30 s
	// HashRate is what a new chain's first blocks are to expect, in hashes per second:
	// they come every five seconds then. 0 is a slow core's; faster ones find eight
	// blocks in no time.
	HashRate float64
	Now      func() time.Time
	Log      *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Refresh <= 0 {
		c.Refresh = 30 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Chain is an open chain. Run, Submit and Status may be called at the same time;
// Close goes last.
type Chain struct {
	cfg       Config
	params    *chaincfg.Params
	temporary bool
	flags     blockchain.BehaviorFlags // tests of other things leave out the proof of work

	mu      sync.Mutex // templates see the chain between blocks, never within
	db      database.DB
	chain   *blockchain.BlockChain
	journal *journal      // nil for a temporary chain
	tip     chan struct{} // closed and replaced at each new best block
}

// Open opens the chain in cfg.Dir, or begins one there.
func Open(cfg Config) (*Chain, error) { return open(cfg, blockchain.BFNone) }

func open(cfg Config, flags blockchain.BehaviorFlags) (*Chain, error) {
	c := &Chain{cfg: cfg.withDefaults(), tip: make(chan struct{}), flags: flags}
	if c.cfg.Dir == "" {
		dir, err := os.MkdirTemp("", "lode-chain-")
		if err != nil {
			return nil, fmt.Errorf("embedded: temporary directory: %w", err)
		}
		c.cfg.Dir, c.temporary = dir, true
	}
	if err := c.open(); err != nil {
		c.Close()
		return nil, fmt.Errorf("embedded: chain in %s: %w", c.cfg.Dir, err)
	}
	c.logOpened()
	return c, nil
}

func (c *Chain) open() error {
	genesis, err := loadGenesis(c.cfg.Dir, c.cfg.Now(), beginning(c.cfg.HashRate))
	if err != nil {
		return err
	}
	c.params = Params(genesis)
	if c.db, err = openDatabase(c.cfg.Dir, c.params.Net); err != nil {
		return err
	}
	c.chain, err = blockchain.New(&blockchain.Config{
		DB:               c.db,
		UtxoCacheMaxSize: 8 << 20,
		ChainParams:      c.params,
		TimeSource:       clock(c.cfg.Now),
	})
	if err != nil || c.temporary {
		return err
	}
	if c.journal, err = openJournal(c.cfg.Dir, c.cfg.Now()); err != nil {
		return err
	}
	return c.replay()
}

// replay gives the chain the blocks that it had accepted and its database had not
// yet written when the last process was killed.
func (c *Chain) replay() error {
	blocks, err := c.journal.blocks()
	if err != nil {
		return err
	}
	for _, raw := range blocks {
		block, err := btcutil.NewBlockFromBytes(raw)
		if err != nil {
			continue
		}
		_, _, err = c.chain.ProcessBlock(block, c.flags)
		if err == nil {
			c.cfg.Log.Debug("block recovered from the journal", "hash", block.Hash())
		} else if !isRule(err, blockchain.ErrDuplicateBlock) {
			return fmt.Errorf("journal: block %s: %w", block.Hash(), err)
		}
	}
	return nil
}

// logOpened tells in time about the one block that a slower machine than the last
// one could wait long for: the first of a window, whose difficulty stands.
func (c *Chain) logOpened() {
	s := c.Status()
	c.cfg.Log.Info("embedded chain open", "height", s.Height, "best", s.Best, "difficulty", s.Difficulty)
	if (s.Height+1)%window == 0 && s.Hashes > 1<<30 {
		c.cfg.Log.Warn("the next block needs many hashes: if this machine is much slower than the one before, start anew with an empty data directory",
			"hashes", s.Hashes, "data", c.cfg.Dir)
	}
}

// Close writes everything to disk, or removes it if the chain is temporary.
func (c *Chain) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	if c.chain != nil {
		err = c.chain.FlushUtxoCache(blockchain.FlushRequired)
		c.chain = nil
	}
	if c.db != nil {
		err = errors.Join(err, c.db.Close())
		c.db = nil
	}
	if c.journal != nil {
		err = errors.Join(err, c.journal.close(err == nil))
		c.journal = nil
	}
	if c.temporary {
		err = errors.Join(err, os.RemoveAll(c.cfg.Dir))
	}
	if err != nil {
		return fmt.Errorf("embedded: close: %w", err)
	}
	return nil
}

// Params are the chain's consensus parameters; they also say how addresses are
// written.
func (c *Chain) Params() *chaincfg.Params { return c.params }

// Status is the chain as people want to see it.
type Status struct {
	Height     uint32       `json:"height"`
	Best       bitcoin.Hash `json:"best"`
	Difficulty float64      `json:"difficulty"` // of the next block
	Hashes     float64      `json:"hashes"`     // that the next block takes on average
}

// Status is the present state.
func (c *Chain) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.chain == nil {
		return Status{}
	}
	best := c.chain.BestSnapshot()
	s := Status{Height: uint32(best.Height), Best: best.Hash}
	if next, err := c.next(); err == nil {
		if target, err := bitcoin.CompactTarget(next.bits); err == nil {
			s.Difficulty, s.Hashes = target.Difficulty(), target.Hashes()
		}
	}
	return s
}

// clock is btcd's source of time: ours, without peers that could move it.
type clock func() time.Time

func (c clock) AdjustedTime() time.Time         { return time.Unix(c().Unix(), 0) }
func (c clock) AddTimeSample(string, time.Time) {}
func (c clock) Offset() time.Duration           { return 0 }

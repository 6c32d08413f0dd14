package chipsim

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/lodefw/lode/hashing/sha256d"
)

// Config describes a chain. Only Model is needed.
type Config struct {
	Model string `json:"model"` // BM1387, BM1397, BM1362, BM1366, BM1368, BM1370, BM1372 or BM1373
	Chips int    `json:"chips"` // 1 if zero
	// Domains is how many groups of chips share a supply voltage; 1 if zero.
	Domains int    `json:"domains,omitempty"`
	Seed    uint64 `json:"seed,omitempty"`
	// Zeros is how many leading zero bits of a hash the chips need before the
	// ticket mask counts: 32 in silicon. A chain with n fewer finds as many
	// results as real chips do, with 2^n fewer hashes, so that a CPU can be
	// one; everything that a driver computes from difficulty is then 2^n too
	// large. 32 means that no hash is made at all, only Solutions are found.
	// Zero lets New choose from HashBudget; Chain.Zeros tells what it chose.
	Zeros int `json:"zeros,omitempty"`
	// HashBudget is how many hashes per simulated second New may plan for when
	// it chooses Zeros; 200,000 if zero.
	HashBudget float64 `json:"hash_budget,omitempty"`
	// Solutions are found when their turn comes, if Zeros is 32.
	Solutions []Solution `json:"solutions,omitempty"`
	// Speed is how much faster than real time the chain lives; 1 if zero.
	Speed float64 `json:"speed,omitempty"`
	// StartUp is the time from the end of a job's frame to its first test's
	// result: 7 ms if zero (fitted on a BM1366).
	StartUp time.Duration `json:"start_up,omitempty"`
	// Ambient is the air's temperature; 25 °C if zero.
	Ambient float64 `json:"ambient,omitempty"`
	// Off leaves the chips without supply until SetVoltage.
	Off bool `json:"off,omitempty"`
	// HeldInReset starts with the reset line low.
	HeldInReset bool `json:"held_in_reset,omitempty"`
	// Rest is the supply's least time without power; 30 s, an APW's, if zero.
	Rest time.Duration `json:"rest,omitempty"`
	// AutoBaud is for lines that do not tell the host's rate (a unix socket):
	// the host is always at the chips' rate.
	AutoBaud bool `json:"auto_baud,omitempty"`
	// Faults are there from the start; Inject adds more.
	Faults []Fault `json:"faults,omitempty"`
}

// withDefaults fills in what is zero and refuses what no chain can be.
func (c Config) withDefaults() (Config, *model, error) {
	m, ok := models()[strings.ToUpper(c.Model)]
	if !ok {
		return c, nil, fmt.Errorf("chipsim: no model %q; there are %s", c.Model, strings.Join(Models(), ", "))
	}
	c.Model = m.name
	setDefault(&c.Chips, 1)
	setDefault(&c.Domains, 1)
	setDefault(&c.HashBudget, 200e3)
	setDefault(&c.Speed, 1)
	setDefault(&c.StartUp, 7*time.Millisecond)
	setDefault(&c.Ambient, 25)
	setDefault(&c.Rest, 30*time.Second)
	if c.Chips < 0 || c.Chips > 256 {
		return c, nil, fmt.Errorf("chipsim: %d chips on one chain, want 1 to 256", c.Chips)
	}
	if c.Domains < 0 || c.Domains > c.Chips {
		return c, nil, fmt.Errorf("chipsim: %d domains for %d chips", c.Domains, c.Chips)
	}
	if c.Zeros == 0 {
		c.Zeros = m.zerosFor(c.Chips, c.HashBudget)
	}
	if c.Zeros < 1 || c.Zeros > 32 {
		return c, nil, fmt.Errorf("chipsim: %d zero bits, want 1 to 32", c.Zeros)
	}
	if c.Speed < 0 || c.HashBudget < 0 || math.IsNaN(c.Speed) || math.IsInf(c.Speed, 0) {
		return c, nil, fmt.Errorf("chipsim: speed %v and hash budget %v must be above zero", c.Speed, c.HashBudget)
	}
	for _, f := range c.Faults {
		if err := f.check(c.Chips, c.Domains); err != nil {
			return c, nil, err
		}
	}
	return c, m, nil
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// zerosFor is the most zero bits that a chain at its nominal clock can have
// within a budget of real hashes per second.
func (m *model) zerosFor(chips int, budget float64) int {
	rate := float64(chips*m.working) * m.nominalMHz * 1e6
	return min(max(32-int(math.Ceil(math.Log2(rate/budget))), 4), 31)
}

// usualAir is the share of full air before SetFan.
const usualAir = 0.5

// New makes a chain that has just got its power, with the reset line high.
func New(cfg Config) (*Chain, error) {
	cfg, m, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Chain{
		cfg: cfg, m: m, begin: time.Now(),
		stride: 1 << (32 - cfg.Zeros),
		kernel: m.kernel(),
		kick:   make(chan struct{}, 1),
		rand:   rand.New(rand.NewPCG(cfg.Seed, 0)),
		rxRand: rand.New(rand.NewPCG(cfg.Seed, 1<<32)),
		fan:    usualAir,
	}
	c.tx.baud, c.check.chain = startBaud, c
	c.hits = make([]sha256d.Hit, sha256d.MaxStep*max(4, bits.Len(uint(m.parallel))*m.parallel))
	for i := range cfg.Chips {
		c.chips = append(c.chips, newChip(c, i))
	}
	c.domains = make([]domain, cfg.Domains)
	for i := range c.domains {
		c.domains[i].millivolts = m.nominalMillivolts
		if cfg.Off {
			c.domains[i].millivolts = 0
		}
	}
	c.low = cfg.HeldInReset
	c.powerUp()
	for _, f := range cfg.Faults {
		c.inject(f)
	}
	return c, nil
}

// kernel is the last available one, which is about the fastest. sha256d.Choose would measure, which takes for
// ever where the time is virtual. A BM1387's cores are looked at one by one: the
// last kernels, which hash many at once, take six times as long for one as the
// first does, and shani half as long.
func (m *model) kernel() (best sha256d.Kernel) {
	for i, k := range sha256d.Kernels() {
		if k.Available() && (!m.bm1387 || i == 0 || k.Name == "shani") {
			best = k
		}
	}
	return best
}

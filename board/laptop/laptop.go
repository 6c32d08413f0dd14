// Package laptop is the board that everybody has: a computer whose processor
// hashes. It needs no power-up order and has no sensors of ours; the system
// guards the heat.
package laptop

import (
	"fmt"
	"runtime"

	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/hashing/cpu"
)

// MaxThreads bounds Config.Threads by what can help: two per processor.
func MaxThreads() int { return 2 * Cores() }

// Cores is the number of processors that this process may use.
func Cores() int { return runtime.NumCPU() }

// Config says how much of the computer to use. The zero value takes all of it, at
// low priority.
type Config struct {
	Threads        int    // 0: one per core
	Duty           int    // percent of time; 0: all
	NormalPriority bool   // compete with other programs as an equal
	Kernel         string // of hashing/sha256d; "": the best
}

// Board is a computer as a mining board.
type Board struct {
	cpu *cpu.Hasher
}

// New checks the limits, and returns the board with its hashers ready to run.
func New(cfg Config) (*Board, error) {
	if cfg.Threads > MaxThreads() {
		return nil, fmt.Errorf("laptop: %d threads on %d cores, want at most %d", cfg.Threads, Cores(), MaxThreads())
	}
	h, err := cpu.New(cpu.Config{
		Threads:     cfg.Threads,
		Duty:        cfg.Duty,
		LowPriority: !cfg.NormalPriority,
		Kernel:      cfg.Kernel,
	})
	if err != nil {
		return nil, fmt.Errorf("laptop: %w", err)
	}
	return &Board{cpu: h}, nil
}

// Hashers are the board's hashers: the processor is one.
func (b *Board) Hashers() []hashing.Hasher { return []hashing.Hasher{b.cpu} }

// HashRate is what to tell a pool before anything is measured, in hashes per
// second.
func (b *Board) HashRate() float64 { return b.cpu.HashRate() }

// String names the board in logs and status.
func (b *Board) String() string { return "laptop" }

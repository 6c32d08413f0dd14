// Package cpu is a hasher on CPU threads.
package cpu

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"runtime"
	"sync"
	"time"

	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/hashing/sha256d"
)

// Config says how much of the machine to use. The zero value takes all of it.
type Config struct {
	// Threads is the number of threads; 0 for one per processor.
	Threads int
	// Duty is the share of time to hash, in percent; 0 for all of it. Each
	// thread rests a while after every few milliseconds of work.
	Duty int
	// LowPriority lets everything else on the machine go first. Linux only;
	// elsewhere it does nothing.
	LowPriority bool
	// Kernel names a kernel of sha256d; empty for the best.
	Kernel string
}

// Hasher searches on CPU threads, each on work of its own.
type Hasher struct {
	cfg    Config
	kernel sha256d.Kernel
	rate   float64
}

var _ hashing.Hasher = (*Hasher)(nil)

// measuring is how long New times the kernel.
const measuring = 20 * time.Millisecond

// New checks the options, and times the kernel for a moment.
func New(cfg Config) (*Hasher, error) {
	if cfg.Threads < 0 || cfg.Threads > 1024 {
		return nil, fmt.Errorf("cpu: %d threads, want 1 to 1024, or 0 for one per processor", cfg.Threads)
	}
	if cfg.Duty < 0 || cfg.Duty > 100 {
		return nil, fmt.Errorf("cpu: duty cycle of %d %%, want 1 to 100", cfg.Duty)
	}
	kernel, err := sha256d.Choose(cfg.Kernel)
	if err != nil {
		return nil, fmt.Errorf("cpu: %w", err)
	}
	if cfg.Threads == 0 {
		cfg.Threads = runtime.NumCPU()
	}
	if cfg.Duty == 0 {
		cfg.Duty = 100
	}
	return newHasher(cfg, kernel), nil
}

func newHasher(cfg Config, kernel sha256d.Kernel) *Hasher {
	busy := float64(min(cfg.Threads, runtime.NumCPU())) * float64(cfg.Duty) / 100
	return &Hasher{cfg: cfg, kernel: kernel, rate: busy * kernel.Measure(measuring, kernel.Versions)}
}

// String names the hasher, its threads and its kernel.
func (h *Hasher) String() string {
	return fmt.Sprintf("cpu (%d threads, %s)", h.cfg.Threads, h.kernel.Name)
}

// HashRate is the rate to expect in hashes per second, all threads together,
// from a short measurement when the hasher was made.
func (h *Hasher) HashRate() float64 { return h.rate }

// Run hashes until ctx ends. It fails only if the system refuses the priority.
func (h *Hasher) Run(ctx context.Context, feed *hashing.Feed, found func(hashing.Solution)) error {
	feed.Declare(hashing.Traits{
		RollBits: bits.Len(uint(max(1, h.kernel.Versions))) - 1,
		HashRate: h.rate,
	})
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	errs := make([]error, h.cfg.Threads)
	var threads sync.WaitGroup
	for i := range errs {
		threads.Go(func() {
			if errs[i] = h.thread(ctx, feed, found); errs[i] != nil {
				stop()
			}
		})
	}
	threads.Wait()
	return errors.Join(errs...)
}

func (h *Hasher) thread(ctx context.Context, feed *hashing.Feed, found func(hashing.Solution)) error {
	if h.cfg.LowPriority {
		// Never unlocked: the system's thread ends with the goroutine, and
		// takes its priority along.
		runtime.LockOSThread()
		if err := lowerPriority(); err != nil {
			return fmt.Errorf("cpu: cannot lower the priority: %w", err)
		}
	}
	w := newWorker(h.kernel, h.cfg.Duty)
	for {
		work, err := feed.Next(ctx)
		if err != nil {
			return nil // ctx ended
		}
		w.search(ctx, work.Changed, &work, found)
	}
}

package device

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/sv2/channel"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// plant is a guarded board of fakes: a supply that walks from 15 to 14 V, and two
// chains, each with a voltage controller that wants a heartbeat.
type plant struct {
	t          *testing.T
	board      *board.Board
	guard      *guard
	dispatcher *Dispatcher
	supply     *railRig
	cores      [2]*railRig
	chains     [2]*chainRig
	fanRPM     float64
	stop       context.CancelFunc
	done       chan error

	mu     sync.Mutex
	events []string
}

// railRig is a rail; one with a heartbeat drops a second and a half after the last.
type railRig struct {
	mu     sync.Mutex
	on     bool
	volts  float64
	amps   float64
	fault  string
	silent error
	stays  error // it cannot be turned off
	hang   time.Duration
	beats  bool
	last   time.Time
	keeper chan error
}

func (r *railRig) SetVoltage(v physic.ElectricPotential) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.volts = float64(v) / float64(physic.Volt)
	return r.silent
}

func (r *railRig) On() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.on, r.last = r.silent == nil, time.Now()
	return r.silent
}

func (r *railRig) Off() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stays == nil {
		r.on = false
	}
	return r.stays
}

// isOn is the truth.
func (r *railRig) isOn() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.on && !(r.beats && time.Since(r.last) > 1500*time.Millisecond)
}

func (r *railRig) setting() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.volts
}

func (r *railRig) measure() (p board.Power, err error) {
	on := r.isOn()
	r.mu.Lock()
	hang := r.hang
	r.mu.Unlock()
	time.Sleep(hang)
	r.mu.Lock()
	defer r.mu.Unlock()
	p = board.Power{Input: 12, Fault: r.fault}
	if on {
		p.Output, p.Current = board.Volts(r.volts), board.Amps(r.amps)
	}
	return p, r.silent
}

func (r *railRig) keep(ctx context.Context) error {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return r.Off()
		case err := <-r.keeper:
			return err
		case <-tick.C:
			r.mu.Lock()
			r.last = time.Now()
			r.mu.Unlock()
		}
	}
}

func (r *railRig) do(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

// chainRig hashes from a second after the start of Run, and finds something each
// second.
type chainRig struct {
	name string
	fail chan error
	hang chan struct{} // Run does not end before it is closed

	mu     sync.Mutex
	status board.ChainStatus
	lazy   bool // it finds nothing
	block  time.Duration
	runs   int
}

func (c *chainRig) String() string    { return c.name }
func (c *chainRig) HashRate() float64 { return 1e12 }
func (c *chainRig) SetClock(float64)  {}

func (c *chainRig) Status() board.ChainStatus {
	c.mu.Lock()
	block := c.block
	c.mu.Unlock()
	time.Sleep(block)
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.status
	s.Chips = append([]board.ChipStatus(nil), s.Chips...)
	return s
}

func (c *chainRig) do(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

func (c *chainRig) Run(ctx context.Context, _ *hashing.Feed, _ func(hashing.Solution)) error {
	c.do(func() { c.status.Phase = board.Starting; c.runs++ })
	defer c.do(func() { c.status.Phase = board.Resting })
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			if c.hang != nil {
				<-c.hang
			}
			return nil
		case err := <-c.fail:
			return err
		case <-tick.C:
			c.do(func() {
				c.status.Phase = board.Hashing
				if !c.lazy {
					c.status.Good++
				}
			})
		}
	}
}

func (c *chainRig) started() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.runs
}

type fanRig struct{ r *plant }

func (f fanRig) SetDuty(gpio.Duty) error { return nil }
func (f fanRig) Speed() (physic.Frequency, error) {
	f.r.mu.Lock()
	defer f.r.mu.Unlock()
	return physic.Frequency(f.r.fanRPM / 60 * float64(physic.Hertz)), nil
}

func newPlant(t *testing.T) *plant {
	t.Helper()
	r := &plant{t: t, fanRPM: 3000, done: make(chan error, 1), supply: &railRig{}}
	limits := board.PowerLimits{MinInput: 11, MaxInput: 13, Current: 10, Tolerance: 0.05}
	r.board = &board.Board{
		Name: "plant",
		Rails: []*board.Rail{{Name: "supply", Driver: r.supply, Output: 14 * physic.Volt, Start: 15 * physic.Volt,
			Step: 500 * physic.MilliVolt, Measure: r.supply.measure, Settle: 100 * time.Millisecond, Limits: limits}},
		Fans: []*board.Fan{{Name: "fan", Driver: fanRig{r}, MinRPM: 500}},
		Thermometers: []*board.Thermometer{board.NewThermometer("inlet", func() (physic.Temperature, error) {
			return physic.ZeroCelsius + 40*physic.Celsius, nil
		}, board.Heat{Target: 60, Throttle: 70, Max: 80}, 0)},
	}
	for i, name := range []string{"left", "right"} {
		core := &railRig{beats: true, keeper: make(chan error, 1)}
		c := &chainRig{name: name, fail: make(chan error, 1)}
		for k := range 6 {
			c.status.Chips = append(c.status.Chips, board.ChipStatus{Domain: k / 2, Health: alive})
		}
		r.cores[i], r.chains[i] = core, c
		r.board.Chains = append(r.board.Chains, c)
		r.board.Rails = append(r.board.Rails, &board.Rail{Name: name + " core", Chain: i + 1, Driver: core, Output: 9 * physic.Volt,
			Measure: core.measure, Settle: 100 * time.Millisecond, Limits: limits})
		r.board.Keepers = append(r.board.Keepers, &board.Keeper{Name: name + " heartbeat", Chain: i + 1, Run: core.keep})
		drive := func(bool) error { return nil }
		reset := board.NewReset(drive, nil)
		reset.Chain = i + 1
		r.board.Resets = append(r.board.Resets, reset)
	}
	return r
}

// run guards the plant until the test ends.
func (r *plant) run() {
	r.t.Helper()
	var err error
	r.guard, err = newGuard(r.board, slog.New(slog.DiscardHandler), func(s string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.events = append(r.events, s)
	})
	if err != nil {
		r.t.Fatal(err)
	}
	var hashers []hashing.Hasher
	for _, c := range r.guard.chains() {
		hashers = append(hashers, c)
	}
	r.dispatcher, err = NewDispatcher(hashers, DispatcherConfig{Submit: func(channel.Share) {}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.guard.busy = r.dispatcher.busy
	j := job(1, 1000)
	j.Target = bitcoin.RateTarget(5e3, 60)
	r.dispatcher.Job(j, true)
	ctx, stop := context.WithCancel(r.t.Context())
	chains := make(chan error)
	go func() { chains <- r.dispatcher.Run(ctx) }()
	go func() {
		err := r.guard.Run(ctx)
		r.done <- errors.Join(err, <-chains)
	}()
	r.stop = sync.OnceFunc(func() {
		stop()
		if err := <-r.done; err != nil {
			r.t.Logf("the guard ends with %v", err)
		}
	})
	r.t.Cleanup(r.stop)
}

func (r *plant) log() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return "\n  " + strings.Join(r.events, "\n  ")
}

func (r *plant) named(words string) {
	r.t.Helper()
	synctest.Wait()
	if !strings.Contains(r.log(), words) {
		r.t.Errorf("no %q in the event log:%s", words, r.log())
	}
}

// until waits for a condition on the status.
func (r *plant) until(what string, within time.Duration, cond func(*BoardStatus) bool) time.Duration {
	r.t.Helper()
	begin := time.Now()
	for !cond(r.guard.Status()) {
		if time.Since(begin) > within {
			r.t.Fatalf("not within %v: %s; %+v%s", within, what, r.guard.Status(), r.log())
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(begin)
}

// chainIs is a condition on chain 0 or 1.
func chainIs(i int, p Power) func(*BoardStatus) bool {
	return func(s *BoardStatus) bool { return s.Chains[i].Power == p }
}

var errBroken = errors.New("broken")

package device

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/lodefw/lode/board"
)

// starveAfter is how long the guard's loop may be silent, counted in blindTicks, in
// each of which it has a turn at least: while the computer stands still nobody
// starves.
const starveAfter = 1500 * time.Millisecond

// allParts is what down takes for the whole board.
const allParts = -1

// An outcome is what the guard's loop hears of what others did.
type outcome struct {
	what happening
	part int    // a chain's number, or 0 for what all share
	name string // of a keeper
	turn int    // of a power-up
	err  error
}

type happening uint8

const (
	poweredUp happening = iota
	poweredDown
	chainEnded // the Run of a chain
	keeperEnded
	walkEnded
	fansSet
	renewed // the board; name is its news
)

// String is for the log.
func (o outcome) String() string {
	return fmt.Sprintf("%d of part %d: %s %v", o.what, o.part, o.name, o.err)
}

// hands do for the guard's loop what may take a while, and tell when it is done.
// A stuck loop makes them stop the keepers and turn the board off by themselves.
type hands struct {
	board *board.Board
	tell  func(outcome)

	running sync.WaitGroup
	turn    chan struct{} // one power-up at a time
	fans    chan float64  // the newest duty that was asked for

	mu      sync.Mutex
	ctx     context.Context // of keepers: ends when the loop is stuck
	stop    context.CancelFunc
	quiet   time.Duration // of the loop
	starved bool
	over    chan struct{} // closed at the end
	ended   bool          // nothing is begun any more
	shut    func()        // closes the gates
	parts   []partHands
	base    context.Context

	renewing bool               // a Renew is under way;
	unrenew  context.CancelFunc // how to end it
}

// partHands is the power of one part.
type partHands struct {
	turn   int
	cancel context.CancelFunc // of its power-up, and of walks; nil: it is off
	unkeep func()
	busy   int // power-ups and downs that are under way
	failed bool
}

func newHands(b *board.Board, tell func(outcome)) *hands {
	return &hands{
		board: b, tell: tell, turn: make(chan struct{}, 1), fans: make(chan float64, 1), over: make(chan struct{}),
		parts: make([]partHands, len(b.Chains)+1),
	}
}

// begin has the hands ready until end; shut is called when the loop starves.
func (h *hands) begin(ctx context.Context, shut func()) {
	h.base, h.shut = context.WithoutCancel(ctx), shut
	h.mu.Lock()
	h.ctx, h.stop = context.WithCancel(h.base)
	h.mu.Unlock()
	h.running.Go(h.listen)
	stopAlways := h.board.KeepAlways(h.base, h.keeperFailed)
	h.running.Go(func() {
		defer stopAlways()
		for {
			select {
			case <-ctx.Done():
				return
			case duty := <-h.fans:
				h.tell(outcome{what: fansSet, err: h.board.SetFans(duty)})
			}
		}
	})
}

// pulse says that the loop lives. It is true when the hands had given up on it.
func (h *hands) pulse() (starved bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.quiet = 0
	if starved = h.starved; starved {
		h.starved = false
		h.ctx, h.stop = context.WithCancel(h.base)
	}
	return starved
}

// listen waits for a loop that is stuck.
func (h *hands) listen() {
	tick := time.NewTicker(blindTick)
	defer tick.Stop()
	for {
		select {
		case <-h.over:
			return
		case <-tick.C:
		}
		h.mu.Lock()
		h.quiet += blindTick
		starves := h.quiet == starveAfter
		h.mu.Unlock()
		if starves {
			h.onStarve()
		}
	}
}

// onStarve makes the board safe without the loop, unless end does that.
func (h *hands) onStarve() {
	h.mu.Lock()
	if h.ended {
		h.mu.Unlock()
		return
	}
	h.starved = true
	h.stop()
	h.mu.Unlock()
	h.shut()
	h.down(allParts)
}

func (h *hands) keeperFailed(k *board.Keeper, err error) {
	h.tell(outcome{what: keeperEnded, part: k.Chain, name: k.Name, err: err})
}

// up powers a part, and tells.
func (h *hands) up(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := &h.parts[n]
	ctx, cancel := context.WithCancel(h.ctx)
	p.turn++
	p.cancel, p.unkeep = cancel, h.board.Keep(h.ctx, n, h.keeperFailed)
	p.busy++
	o := outcome{what: poweredUp, part: n, turn: p.turn}
	h.running.Go(func() {
		h.turn <- struct{}{}
		if n == 0 {
			o.err = h.ready(ctx)
		}
		if o.err == nil {
			o.err = h.board.UpPart(ctx, n)
		}
		<-h.turn
		h.done(n, nil)
		h.tell(o)
	})
}

func (h *hands) done(n int, failed *bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.parts[n].busy--
	if failed != nil {
		h.parts[n].failed = *failed
	}
}

// current tells whether a power-up was not called off since.
func (h *hands) current(o outcome) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := &h.parts[o.part]
	return p.turn == o.turn && p.cancel != nil
}

// down turns a part off, or all of them, and tells. What is under way is called off
// at once. A part that is being turned off already is left to that.
func (h *hands) down(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var unkeep []func()
	var parts []int
	off := func(i int) {
		p := &h.parts[i]
		if p.cancel != nil {
			p.cancel()
			unkeep = append(unkeep, p.unkeep)
			p.cancel, p.unkeep = nil, nil
		} else if p.busy > 0 {
			return
		}
		p.busy++
		parts = append(parts, i)
	}
	for i := range h.parts {
		if n == allParts || n == i {
			off(i)
		}
	}
	if len(parts) > 0 {
		h.running.Go(func() { h.off(n, parts, unkeep) })
	}
}

func (h *hands) off(n int, parts []int, unkeep []func()) {
	var err error
	if n == allParts {
		err = h.board.Down()
	} else {
		err = h.board.DownPart(n)
	}
	for _, f := range unkeep {
		f()
	}
	failed := err != nil
	for _, i := range parts {
		h.done(i, &failed)
	}
	h.tell(outcome{what: poweredDown, part: max(n, 0), err: err})
}

// isIdle tells whether nothing is being turned on or off.
func (h *hands) isIdle() bool {
	return h.every(func(p *partHands) bool { return p.busy == 0 && !p.failed && !h.renewing })
}

// allDown tells whether whatever was turned off is off.
func (h *hands) allDown() bool { return h.every(func(p *partHands) bool { return !p.failed }) }

func (h *hands) every(is func(*partHands) bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.parts {
		if !is(&h.parts[i]) {
			return false
		}
	}
	return true
}

// partIdle is isIdle for one part.
func (h *hands) partIdle(n int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.parts[n].busy == 0 && !h.parts[n].failed
}

// walk takes a part's rails that have started at another voltage to their own.
func (h *hands) walk(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.parts[n].cancel == nil {
		return
	}
	ctx, cancel := context.WithCancel(h.ctx)
	was := h.parts[n].cancel
	h.parts[n].cancel = func() { was(); cancel() }
	for _, r := range h.board.Rails {
		if r.Chain != n || r.Start == 0 || r.Start == r.Goal() {
			continue
		}
		h.running.Go(func() {
			err := r.Walk(ctx, r.Goal())
			if ctx.Err() == nil {
				h.tell(outcome{what: walkEnded, part: n, err: err})
			}
		})
	}
}

// setFans never waits.
func (h *hands) setFans(duty float64) {
	select {
	case <-h.fans: // replaced
	default:
	}
	h.fans <- duty // has room: only the loop sends
}

// lastTries is how long end tries again what cannot be turned off: nobody else will.
// A computer or a board that is busy for a moment must not leave chips under power.
const lastTries = time.Second

// end turns everything off, and waits for all that is under way.
func (h *hands) end() error {
	h.mu.Lock()
	close(h.over)
	h.ended = true
	var unkeep []func()
	for i := range h.parts {
		if p := &h.parts[i]; p.cancel != nil {
			p.cancel()
			unkeep = append(unkeep, p.unkeep)
			p.cancel = nil
		}
	}
	if h.unrenew != nil {
		h.unrenew()
	}
	h.mu.Unlock()
	err := h.board.Down()
	for begin := time.Now(); err != nil && time.Since(begin) < lastTries; err = h.board.Down() {
		time.Sleep(lastTries / 20)
	}
	for _, f := range unkeep {
		f()
	}
	h.running.Wait()
	return err
}

// partOff tells whether a part has no power yet, or not any more.
func (h *hands) partOff(n int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.parts[n].cancel == nil || h.parts[n].busy > 0
}

// hasFailed tells whether a part could not be turned off.
func (h *hands) hasFailed(n int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.parts[n].failed
}

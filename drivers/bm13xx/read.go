package bm13xx

import (
	"context"
	"errors"
	"fmt"
)

// Reading is a register of one chip.
type Reading struct {
	Chip  int
	Value uint32
}

// readWait is how long answers to a read may take: 256 of them at 115200 baud.
const readWait = 400 * ms

// reading is a read that is under way.
type reading struct {
	reg    Reg
	one    bool // of chip alone
	chip   int
	values []Reading
	done   chan []Reading // has room
}

// errBusy refuses a read while another is under way.
var errBusy = errors.New("bm13xx: another register is being read")

// ReadAll reads a register of all chips of a chain that is in Run, while it mines
// on. Chips that do not answer are left out; Status says whether they are dead.
// Answers of BM1387 do not say whose they are: if one is missing, there are none.
func (c *Chain) ReadAll(ctx context.Context, reg Reg) ([]Reading, error) {
	return c.read(ctx, &reading{reg: reg})
}

func (c *Chain) read(ctx context.Context, want *reading) ([]Reading, error) {
	want.done = make(chan []Reading, 1)
	req := request{read: want, done: make(chan error, 1)}
	if err := c.request(ctx, req); err != nil {
		return nil, err
	}
	select {
	case values := <-req.read.done:
		return values, nil
	case err := <-req.done:
		return nil, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// request hands something to the runner.
func (c *Chain) request(ctx context.Context, req request) error {
	select {
	case c.requests <- req:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("bm13xx: the chain is not running: %w", ctx.Err())
	}
}

// beginRead asks all chips, or one.
func (r *runner) beginRead(ctx context.Context, req request) error {
	if r.reading != nil {
		req.done <- errBusy
		return nil
	}
	r.reading = req.read
	r.readEnd.Reset(readWait)
	ask := Command{Op: OpRead, All: true, Reg: req.read.reg}
	if req.read.one {
		ask.All, ask.Chip = false, r.address(req.read.chip)>>r.spec.addrShift
	}
	return r.command(ctx, ask, 0)
}

// endRead hands over what has come.
func (r *runner) endRead() {
	if r.reading == nil {
		return
	}
	if r.nameless() && !r.reading.one && len(r.reading.values) != r.count {
		r.reading.values = nil
	}
	r.reading.done <- r.reading.values
	r.reading = nil
}

// nameless tells that the answers to the read name neither chip nor register: a
// BM1387's have zeros there (bosminer, bm1387.rs), and only its id holds its
// address. Chips answer in their order along the chain.
func (r *runner) nameless() bool {
	return r.spec.wire == WireBare && r.reading.reg != RegChipID
}

// answers takes a register that was asked for.
func (r *runner) answers(resp Response) bool {
	if r.reading == nil {
		return false
	}
	chip := r.answered(resp)
	if chip < 0 {
		return false
	}
	if r.reading.one || !r.nameless() {
		r.heard(chip)
	}
	if len(r.reading.values) < maxChips {
		r.reading.values = append(r.reading.values, Reading{Chip: chip, Value: resp.Value})
	}
	if r.reading.one {
		r.readEnd.Stop()
		r.endRead()
	}
	return true
}

// answered is the chip that has answered the read; -1 if it is no answer to that.
func (r *runner) answered(resp Response) int {
	id := Model(resp.Value>>16) == r.model
	switch {
	case r.nameless() && id:
		return -1 // an id that was asked for before
	case r.nameless() && r.reading.one:
		return r.reading.chip
	case r.nameless():
		return len(r.reading.values)
	case r.reading.reg != resp.Reg:
		return -1
	case resp.Reg == RegChipID:
		return r.chipOf(uint8(resp.Value))
	}
	return r.chipOf(resp.Chip)
}

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
	if r.reading != nil {
		r.reading.done <- r.reading.values
		r.reading = nil
	}
}

// answers takes a register that was asked for.
func (r *runner) answers(resp Response) bool {
	if r.reading == nil || r.reading.reg != resp.Reg {
		return false
	}
	chip := r.chipOf(resp.Chip)
	if resp.Reg == RegChipID {
		chip = r.chipOf(uint8(resp.Value))
	}
	if chip < 0 {
		return false
	}
	r.heard(chip)
	if len(r.reading.values) < maxChips {
		r.reading.values = append(r.reading.values, Reading{Chip: chip, Value: resp.Value})
	}
	if r.reading.one {
		r.readEnd.Stop()
		r.endRead()
	}
	return true
}

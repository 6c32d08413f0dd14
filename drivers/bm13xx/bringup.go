package bm13xx

import (
	"context"
	"fmt"
	"time"

	"periph.io/x/conn/v3/physic"
)

// Waits of the bring-up. Firmware of the maker leaves 10 ms between writes to
// all; ESP-Miner leaves none and works, on six chips at most.
const (
	resetLow     = 200 * ms
	startBaud    = 115200
	paceAll      = 10 * ms
	paceOne      = 1 * ms
	answerWait   = 1000 * ms // for the first answer
	answerQuiet  = 200 * ms  // between answers; a USB adapter may hold them 16 ms
	afterBaud    = 60 * ms
	lineTime     = 20 * ms // for a job and a command to leave the line, at 115200 baud too
	rampStep     = 6250 * physic.KiloHertz
	rampPause    = 100 * ms
	dividerPause = 10 * ms
	longChain    = 12 // chips; beyond it what was made for few takes too long
)

// bringUp takes the chain from whatever it was to where it can mine, at a low clock.
func (c *Chain) bringUp(ctx context.Context) error {
	c.up, c.mask = false, rolledBits
	c.log.Info("bringing up the chain", "model", c.model)
	err := c.reset(ctx)
	for i := 0; err == nil && i < len(c.spec.steps); i++ {
		err = c.do(ctx, &c.spec.steps[i])
	}
	if err != nil {
		c.halt()
		return err
	}
	c.up = true
	c.log.Info("the chain is up", "model", c.model, "chips", c.count, "clock", c.clocks[0], "goal", c.opts.Frequency)
	return nil
}

func (c *Chain) reset(ctx context.Context) error {
	c.reader.Reset()
	c.reader.SetLength(c.spec.answer)
	if c.queue != nil {
		if err := c.queue.clear(); err != nil {
			return fmt.Errorf("bm13xx: %w", err)
		}
	}
	if err := c.port.SetBaud(startBaud); err != nil {
		return fmt.Errorf("bm13xx: cannot set the line to %d baud: %w", startBaud, err)
	}
	if c.opts.Reset == nil {
		return nil
	}
	c.opts.Reset(true)
	if err := sleep(ctx, resetLow); err != nil {
		return err
	}
	c.opts.Reset(false)
	return sleep(ctx, c.opts.Settle)
}

// do runs one step, and its pause.
func (c *Chain) do(ctx context.Context, s *step) error {
	err := c.act(ctx, s)
	if err != nil {
		return err
	}
	return sleep(ctx, s.after)
}

func (c *Chain) act(ctx context.Context, s *step) error {
	switch s.do {
	case doWrite:
		return c.writeAll(ctx, s.reg, s.value)
	case doIdentify:
		return c.identify(ctx)
	case doInactive:
		return c.command(ctx, Command{Op: OpInactive, All: true}, paceAll)
	case doAddresses:
		return c.assign(ctx)
	case doFirst:
		if c.relayed() {
			return nil // the relays of the domains say it
		}
		return c.writeOne(ctx, 0, s.reg, s.value)
	case doEach:
		return c.each(ctx, s)
	case doDomains:
		return c.domains(ctx)
	case doOffsets:
		return c.setOffsets(ctx)
	case doTicket:
		return c.writeAll(ctx, c.spec.regs.ticket, c.ticket.Register())
	case doClock:
		return c.setClock(ctx, allChips, c.startClock())
	case doCount:
		return c.writeHashCount(ctx)
	case doRolling:
		return c.writeAll(ctx, RegVersion, rollAll)
	case doBaud:
		return c.changeBaud(ctx)
	case doOpenCores:
		return c.openCores(ctx)
	}
	return fmt.Errorf("bm13xx: unknown step %d", s.do)
}

// command sends one command and pauses.
func (c *Chain) command(ctx context.Context, cmd Command, pause time.Duration) error {
	if _, err := c.port.Write(c.spec.wire.Append(c.out[:0], cmd)); err != nil {
		return fmt.Errorf("bm13xx: cannot send to the chips: %w", err)
	}
	return sleep(ctx, pause)
}

func (c *Chain) writeAll(ctx context.Context, reg Reg, value uint32) error {
	err := c.command(ctx, Command{Op: OpWrite, All: true, Reg: reg, Value: value}, paceAll)
	if reg == RegVersion && c.spec.rolls {
		c.reader.SetLength(c.spec.answerJob)
	}
	return err
}

func (c *Chain) writeOne(ctx context.Context, chip int, reg Reg, value uint32) error {
	address := c.address(chip) >> c.spec.addrShift
	return c.command(ctx, Command{Op: OpWrite, Chip: address, Reg: reg, Value: value}, paceOne)
}

// assign gives chip after chip its address, and reads them back. A chip that
// missed its address gets one in another round.
func (c *Chain) assign(ctx context.Context) (err error) {
	for try := range tries {
		if try > 0 {
			if err := c.command(ctx, Command{Op: OpInactive, All: true}, paceAll); err != nil {
				return err
			}
		}
		for i := range c.count {
			if err := c.command(ctx, Command{Op: OpSetAddress, Chip: c.address(i)}, paceOne); err != nil {
				return err
			}
		}
		if err = c.verify(ctx, "after the addresses were given"); err == nil {
			return nil
		}
	}
	return err
}

func (c *Chain) each(ctx context.Context, s *step) error {
	pause := s.after
	if c.count > longChain {
		pause = min(pause, 20*ms) // guess: 500 ms a chip is for a board with one
	}
	for chip := range c.count {
		for _, w := range s.each {
			if err := c.writeOne(ctx, chip, w.reg, w.value); err != nil {
				return err
			}
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
	return nil
}

// domains sets the pins of each domain's last chip to drive harder, and the first
// and last to relay. The gaps of S19 XP (11 domains of 10) and S21 Pro (13 of 5,
// 13 of 7) follow one rule: 14 and a step for each chip from the far end.
func (c *Chain) domains(ctx context.Context) error {
	domains := c.opts.Domains
	if c.opts.Short {
		domains = 1
	}
	if domains <= 1 && !c.spec.oneEnd {
		return nil
	}
	size := c.count / domains
	for d := range domains {
		if c.spec.strengthEnd == 0 {
			break
		}
		if err := c.writeOne(ctx, d*size+size-1, RegPinStrength, c.spec.strengthEnd); err != nil {
			return err
		}
	}
	for d := domains - 1; d >= 0 && c.spec.relays; d-- {
		relay := UARTRelay{Gap: uint16(size*(domains-d) + 14)}.Register()
		for _, chip := range [...]int{d * size, d*size + size - 1} {
			if err := c.writeOne(ctx, chip, RegUARTRelay, relay); err != nil {
				return err
			}
		}
	}
	return nil
}

// relayed tells whether the domains' ends are set up.
func (c *Chain) relayed() bool { return c.opts.Domains > 1 && !c.opts.Short }

// setOffsets splits the nonces evenly on chains that stock firmware does it on.
func (c *Chain) setOffsets(ctx context.Context) error {
	c.offsets = c.relayed()
	for chip := 0; c.offsets && chip < c.count; chip++ {
		value := NonceOffset{Start: offset(chip, c.count)}.Register()
		if err := c.writeOne(ctx, chip, RegNonceOffset, value); err != nil {
			return err
		}
	}
	return nil
}

// changeBaud switches the chips, then the host, and sees whether all still answer.
func (c *Chain) changeBaud(ctx context.Context) error {
	l, err := c.spec.line(c.opts.Baud)
	if err != nil {
		return err
	}
	if err := c.command(ctx, Command{Op: OpWrite, All: true, Reg: l.reg, Value: l.value}, 0); err != nil {
		return err
	}
	if err := c.port.SetBaud(c.opts.Baud); err != nil {
		return fmt.Errorf("bm13xx: cannot set the line to %d baud: %w", c.opts.Baud, err)
	}
	c.reader.Reset()
	if err := sleep(ctx, afterBaud); err != nil {
		return err
	}
	return c.verify(ctx, fmt.Sprintf("after the change to %d baud", c.opts.Baud))
}

// openCores wakes the cores of a BM1387 one by one, with jobs whose results mean
// nothing (skot's bm1387_scripts; 5 ms apart there too).
func (c *Chain) openCores(ctx context.Context) error {
	t := tail{merkle: [4]byte{0xff, 0xff, 0xff, 0xff}, ntime: 1<<32 - 1, nbits: 1<<32 - 1}
	m := &c.jobs.midstates
	m.states[0] = [8]uint32{}
	if c.queue != nil {
		return c.openQueued(ctx, &t)
	}
	for i := range c.spec.cores {
		job := c.spec.wire.appendMidstateJob(c.out[:0], uint8(i), &t, m.states[:1])
		if _, err := c.port.Write(job); err != nil {
			return fmt.Errorf("bm13xx: cannot send to the chips: %w", err)
		}
		if err := sleep(ctx, 5*ms); err != nil {
			return err
		}
	}
	return nil
}

// halt leaves the chips idle and safe, as well as they can still be reached:
// counting stopped, then in reset, or without that at their lowest clock and at
// the rate that a reset gives them.
func (c *Chain) halt() {
	c.up = false
	if c.queue != nil {
		c.quiet(c.queue.Drop())
	}
	ctx := context.Background() // a caller that gives up still wants it safe
	if c.spec.rolls {
		c.quiet(c.command(ctx, Command{Op: OpWrite, All: true, Reg: c.spec.regs.count}, 0))
	}
	c.quiet(sleep(ctx, lineTime))
	if c.opts.Reset != nil {
		c.opts.Reset(true)
		return
	}
	if low, err := c.model.PLL(c.spec.minClock); err == nil {
		c.quiet(c.setPLL(ctx, allChips, low))
	}
	l := c.spec.lines[0]
	c.quiet(c.command(ctx, Command{Op: OpWrite, All: true, Reg: l.reg, Value: l.value}, 0))
	c.quiet(c.port.SetBaud(startBaud))
}

// quiet logs an error on the way down, where nothing else is left to do.
func (c *Chain) quiet(err error) {
	if err != nil {
		c.log.Warn("the chain could not be told to rest", "model", c.model, "err", err)
	}
}

// sleep waits, unless ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

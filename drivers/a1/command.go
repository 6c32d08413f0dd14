package a1

import (
	"fmt"

	"github.com/lodefw/lode/hashing"
)

// fault is a failure of one chip, the others being fine.
type fault string

func (f fault) Error() string { return string(f) }

const (
	faultNoAnswer fault = "does not answer"
	faultNoEcho   fault = "does not echo its job"
	faultInvalid  fault = "has an invalid queue state"
	faultOverdue  fault = "finds nothing"
	faultNoLock   fault = "cannot lock its clock"
)

func isFault(err error) bool {
	_, ok := err.(fault)
	return ok
}

// broadcast sends msg to all chips and checks that it came round the chain.
func (c *Chain) broadcast(msg []byte) error {
	at := echoAt(len(c.chips))
	b, err := c.link.exchange(msg, at)
	if err != nil {
		return err
	}
	if findHead(b, msg[0], msg[1], at) < 0 {
		c.countLost()
		return fmt.Errorf("a1: %s: command %#02x to all chips did not come back: the chain is broken after one of them", c.opts.Name, msg[0])
	}
	return nil
}

// writeRegister sets the clock of a chip, or of all.
func (c *Chain) writeRegister(chip int, pll PLL) error {
	msg := c.link.command(cmdWriteReg, chip, registerSize)
	reg := pll.Register()
	copy(msg[headSize:], reg[:])
	if chip == everyChip {
		return c.broadcast(msg)
	}
	b, err := c.link.exchange(msg, answerAt(chip))
	if err != nil {
		return err
	}
	if findHead(b, msg[0], msg[1], answerAt(chip)) < 0 {
		c.countLost()
		return faultNoAnswer
	}
	return nil
}

// readRegister asks one chip for its state.
func (c *Chain) readRegister(chip int) (Register, error) {
	msg := c.link.command(cmdReadReg, chip, 0)
	b, err := c.link.exchange(msg, answerAt(chip)+registerSize)
	if err != nil {
		return Register{}, err
	}
	reg, ok := parseRegister(b, chip, answerAt(chip))
	if !ok {
		c.countLost()
		return reg, faultNoAnswer
	}
	return reg, nil
}

// writeJob gives a chip its next job. The echo tells that it was taken.
func (c *Chain) writeJob(ch *chip, w *hashing.Work) error {
	id := ch.nextID()
	putJob(&c.job, id, uint8(ch.number), &w.Header, c.opts.Ticket, c.order.words())
	msg := c.link.command(cmdWriteJob, ch.number, jobSize-headSize)
	copy(msg, c.job[:])
	ch.give(w, c.generation) // also if the echo is lost: the chip may have it
	b, err := c.link.exchange(msg, answerAt(ch.number))
	if err != nil {
		return err
	}
	if findHead(b, msg[0], msg[1], answerAt(ch.number)) < 0 {
		c.countLost()
		return faultNoEcho
	}
	return nil
}

// readResult asks the whole chain (chip 0) or one chip for one nonce.
func (c *Chain) readResult(chip int) (Result, answer, error) {
	at := echoAt(len(c.chips))
	if chip != everyChip {
		at = answerAt(chip)
	}
	msg := c.link.command(cmdReadResult, chip, resultSize-headSize)
	b, err := c.link.exchange(msg, at+resultSize+trailer)
	if err != nil {
		return Result{}, noAnswer, err
	}
	r, a := parseResult(b, at)
	return r, a, nil
}

// dropAll makes every chip forget its jobs.
func (c *Chain) dropAll() error {
	msg := c.link.command(cmdReset, everyChip, 2)
	msg[2], msg[3] = dropJobs, dropJobs
	return c.broadcast(msg)
}

// dropOne makes one chip forget its jobs.
func (c *Chain) dropOne(chip int) error {
	msg := c.link.command(cmdReset, chip, 2)
	msg[2], msg[3] = dropJobs, dropJobs
	_, err := c.link.exchange(msg, answerAt(chip))
	return err
}

// settle pushes out whatever is still in the chain after a failure.
func (c *Chain) settle() error {
	return c.link.conn.Tx(c.link.zeros[:64], c.link.r[:64])
}

func (c *Chain) countLost() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost++
}

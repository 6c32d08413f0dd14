package chipsim

import "slices"

// execute does a command on the chips that heard it.
func (c *Chain) execute(cmd command, baud float64) {
	chips := slices.DeleteFunc(slices.Clone(c.reached()), func(ch *chip) bool { return ch.baud() != baud })
	switch cmd.kind {
	case cmdJob:
		c.onJob(cmd, chips)
	case cmdInactive:
		c.check.onInactive()
		for _, ch := range chips {
			ch.inactive, ch.addressed, ch.address = true, false, 0
		}
	case cmdAddress:
		c.onAddress(cmd.body[0], chips)
	case cmdRead:
		c.onRead(cmd, chips)
	case cmdWrite:
		c.onWrite(cmd, chips)
	}
}

// onAddress: a chip that is inactive and has no address takes it and passes
// nothing on.
func (c *Chain) onAddress(address byte, chips []*chip) {
	c.check.onAddress(address, chips)
	for _, ch := range chips {
		if !ch.inactive || ch.addressed {
			continue
		}
		ch.addressed = true
		if c.fault(Unchained) == nil {
			ch.address = address
			ch.replan(c.now)
			return
		}
	}
}

// meant are the chips that a register command names.
func (c *Chain) meant(cmd command, chips []*chip) (list []*chip) {
	for _, ch := range chips {
		f := c.chipFault(Impostor, ch.index)
		if cmd.all || ch.is(cmd.body[0]) || f != nil && c.chips[f.Other].is(cmd.body[0]) {
			list = append(list, ch)
		}
	}
	return list
}

func (c *Chain) onRead(cmd command, chips []*chip) {
	list := c.meant(cmd, chips)
	c.check.onRead(cmd, list)
	for _, ch := range list {
		c.answer(ch, c.now+answerDelay, cmd.body[1])
	}
	if c.fault(ExtraChip) != nil && cmd.all && len(list) > 0 {
		c.answer(list[len(list)-1], c.now+answerDelay, cmd.body[1])
	}
}

func (c *Chain) onWrite(cmd command, chips []*chip) {
	r := cmd.body[1]
	v := uint32(cmd.body[2])<<24 | uint32(cmd.body[3])<<16 | uint32(cmd.body[4])<<8 | uint32(cmd.body[5])
	list := c.meant(cmd, chips)
	c.check.onWrite(cmd, r, v, list)
	for _, ch := range list {
		ch.write(c.now, r, v)
		if ch.locking {
			c.lockAt = min(c.lockAt, ch.lockAt)
		}
	}
}

func (c *Chain) onJob(cmd command, chips []*chip) {
	j := c.m.parseJob(cmd, c.now)
	c.check.onJob(j, chips)
	if c.lastJob != nil {
		c.jobGap = j.at - c.lastJob.at
	}
	c.lastJob = j
	for _, ch := range chips {
		ch.take(j)
	}
}

package chipsim

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// A group is the chips that listen at one rate, and what they have heard. It is
// one group but for the time when a rate was changed on some chips only.
type group struct {
	baud float64
	parser
}

// regroup makes the groups fit the chips' rates.
func (c *Chain) regroup() {
	old := c.groups
	c.groups = nil
	for _, ch := range c.chips {
		baud := ch.baud()
		has := func(g *group) bool { return g.baud == baud }
		if slices.ContainsFunc(c.groups, has) {
			continue
		}
		if i := slices.IndexFunc(old, has); i >= 0 {
			c.groups = append(c.groups, old[i])
		} else {
			c.groups = append(c.groups, &group{baud, parser{m: c.m, report: c.check.add}})
		}
	}
}

// Baud differences: within the first limit all is well, beyond the second every
// byte is damaged. Between them, where all Bitaxes are with 1 M against 1.0417 M,
// a byte in a million is.
const (
	goodBaud  = 0.025
	worstBaud = 0.045
	rareError = 1e-6
)

// damage says whether a byte between the host's rate and this one arrives wrong.
func (c *Chain) damage(r *rand.Rand, chip float64) bool {
	return c.mismatch(r, c.tx.baud, c.tx.other, chip)
}

func (c *Chain) mismatch(r *rand.Rand, host, other int, chip float64) bool {
	if c.cfg.AutoBaud {
		return false
	}
	off := math.Abs(float64(host)/chip - 1)
	if other > 0 {
		off = min(off, math.Abs(float64(other)/chip-1))
	}
	switch {
	case off <= goodBaud:
		return false
	case off > worstBaud:
		return true
	}
	c.check.onMargin(host, chip)
	return r.Float64() < rareError
}

// hear gives a byte from the host to the chips; true if it ended a command.
func (c *Chain) hear(b txByte) (ended bool) {
	c.check.onByte(b)
	if c.low || c.now < c.boot || c.fault(Unplugged) != nil || c.chance(LoseCommand) {
		return false
	}
	if c.chance(FlipCommand) {
		b.b ^= 1 << c.rand.IntN(8)
	}
	for _, g := range c.groups {
		v := b.b
		if c.mismatch(c.rand, b.baud, b.other, g.baud) {
			c.check.onMismatch(b, g.baud)
			v = byte(c.rand.Uint32())
		}
		if cmd, ok := g.push(v, b.off); ok {
			c.check.offset = cmd.offset
			c.execute(cmd, g.baud)
			ended = true
		}
	}
	if ended {
		c.regroup()
	}
	return ended
}

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

// answer sends a register to the host, unless the chip cannot be heard.
func (c *Chain) answer(ch *chip, at time.Duration, r byte) {
	if c.chipFault(MuteChip, ch.index) != nil || !slices.Contains(c.reached(), ch) {
		return
	}
	v := ch.read(r)
	if f := c.chipFault(WrongAnswer, ch.index); f != nil && ch.rand.Float64() < f.Rate {
		v ^= 1 << ch.rand.IntN(32)
	}
	b := c.m.registerAnswer(ch.rolling, ch.address, r, v)
	c.put(at, rxFrame{baud: ch.baud(), bytes: b, chip: ch.index})
}

// emit reports a result, if the chip can be heard and its cores may report.
func (c *Chain) emit(ch *chip, h hit, now time.Duration) {
	if f := c.chipFault(Late, ch.index); f != nil && !h.late {
		h.late, h.at = true, now+time.Duration(f.Rate*float64(time.Second))
		ch.found = append(ch.found, h)
		slices.SortStableFunc(ch.found, func(a, b hit) int { return int(a.at - b.at) })
		return
	}
	if c.chipFault(MuteChip, ch.index) != nil || !ch.reports(h.core) || !slices.Contains(c.reached(), ch) {
		return
	}
	ch.status.Found++
	if c.m.bm1387 {
		h.excess = byte(min(ch.count, 255)) // there it numbers the work's solutions
		ch.count++
	}
	if ch.rand.Float64() < ch.errorRate() {
		ch.status.Errors++
		h.nonce[1+ch.rand.IntN(3)] ^= 1 << ch.rand.IntN(8)
	}
	c.put(now, rxFrame{baud: ch.baud(), bytes: c.m.nonceAnswer(h), chip: ch.index, nonce: true})
}

// reports tells whether misc control lets the core report, and on a BM1387
// whether a null job has opened it.
func (ch *chip) reports(core int) bool {
	if ch.m.bm1387 {
		return core < ch.opened
	}
	quarter := core * 4 / ch.m.cores
	if f := ch.c.chipFault(QuarterOff, ch.index); f != nil && quarter == 3 {
		return false
	}
	if ch.m.reportBits == 0 {
		return true
	}
	on := ch.reg[ch.m.reg.misc] >> 28
	return on&ch.m.reportBits == ch.m.reportBits || on>>quarter&1 != 0
}

// put sends a frame on its way; faults of whole frames strike here.
func (c *Chain) put(at time.Duration, f rxFrame) {
	if c.chance(WrongCRC) {
		f.bytes[len(f.bytes)-1] ^= byte(1 + c.rand.IntN(31))
	}
	if c.chance(CutFrame) {
		f.bytes = f.bytes[:1+c.rand.IntN(len(f.bytes)-1)]
	}
	if c.rx.send(at, f) && c.chance(Repeat) {
		c.rx.send(at, f)
	}
}

// receive is what arrives of a byte that a chip sent. It draws from a source of
// its own: when bytes are delivered depends on when the host reads.
func (c *Chain) receive(f *rxFrame, b byte) []byte {
	f.host = f.host[:0]
	strikes := func(k FaultKind) bool {
		fault := c.fault(k)
		return fault != nil && c.rxRand.Float64() < fault.Rate
	}
	if c.fault(Unplugged) != nil || strikes(LoseByte) {
		c.rx.stats.Damaged++
		return nil
	}
	if strikes(AddByte) {
		c.rx.stats.Damaged++
		f.host = append(f.host, byte(c.rxRand.Uint32()))
	}
	if strikes(FlipBit) {
		c.rx.stats.Damaged++
		b ^= 1 << c.rxRand.IntN(8)
	}
	if c.damage(c.rxRand, f.baud) {
		c.rx.stats.Mismatch++
		b = byte(c.rxRand.Uint32())
	}
	f.host = append(f.host, b)
	f.all = append(f.all, f.host...)
	return f.host
}

// received traces a frame as the host gets it.
func (c *Chain) received(f *rxFrame) {
	if len(f.all) > 0 {
		c.trace.event(f.arrives(len(f.bytes)-1), "rx", hexBytes(f.all))
	}
}

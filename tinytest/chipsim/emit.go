package chipsim

import (
	"slices"
	"time"
)

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

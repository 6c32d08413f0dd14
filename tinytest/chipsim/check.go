package chipsim

import (
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"time"
)

// A Kind is a breach of the protocol that the checker reports. The checker is
// always on; it never changes what the chips do.
type Kind string

// Breaches. Some are habits of firmware that works: they are marked so.
const (
	StrayByte      Kind = "stray-byte"       // between frames
	UnknownHeader  Kind = "unknown-header"   //
	BadLength      Kind = "bad-length"       // for its header
	BadCRC         Kind = "bad-crc"          // CRC5 or CRC16
	NotInactive    Kind = "not-inactive"     // set-address without inactive before it
	AddressTwice   Kind = "address-twice"    // two chips would have one address
	ToNobody       Kind = "to-nobody"        // a command for an address that no chip has
	SwappedCore    Kind = "swapped-core"     // register 3C without bit 31
	PLLLimits      Kind = "pll-limits"       // a divider or the VCO out of range
	PLLOrder       Kind = "pll-order"        // first post divider below the second
	PLLFlag        Kind = "pll-flag"         // flags byte does not fit the VCO
	ClockStep      Kind = "clock-step"       // more than 12.5 MHz, or after less than 50 ms, while hashing
	ClockNoVolts   Kind = "clock-no-volts"   // a clock that the voltage does not carry
	NoHCN          Kind = "no-hcn"           // hashing is started with a counting number of 0
	LongHCN        Kind = "long-hcn"         // counting beyond the chip's slice: neighbours find the same
	StaleHCN       Kind = "stale-hcn"        // not written again after a change of clock
	TicketMask     Kind = "ticket-mask"      // not 2^k-1
	VersionBits    Kind = "version-bits"     // bits 28..13 set in a job's version
	JobID          Kind = "job-id"           // bits that do not come back
	SameJob        Kind = "same-job"         // repeated within a sweep
	SweepOver      Kind = "sweep-over"       // no new job after a full sweep: duplicates
	BaudTooEarly   Kind = "baud-too-early"   // host's rate changed before its bytes were out
	BaudMismatch   Kind = "baud-mismatch"    // bytes at a rate that no chip listens at
	BaudMargin     Kind = "baud-margin"      // 2.5 to 4.5 % off; every Bitaxe is
	NotFlushed     Kind = "not-flushed"      // input kept over a change of rate
	BaudUnverified Kind = "baud-unverified"  // no read of 00 after a change of rate; ESP-Miner
	ShortReset     Kind = "short-reset"      // low for less than 100 ms
	WhileReset     Kind = "while-reset"      // traffic while the line is low, after stopGrace
	PowerTooSoon   Kind = "power-too-soon"   // supply on again within its Config.Rest
	I2CForbidden   Kind = "i2c-eeprom-write" // a write to 50..57
)

// A Report is one breach: where in the host's bytes, and when.
type Report struct {
	Kind   Kind          `json:"kind"`
	At     time.Duration `json:"at"`
	Offset int64         `json:"offset"`
	Text   string        `json:"text"`
}

// String is the report as one line.
func (r Report) String() string {
	return fmt.Sprintf("%s at %v, byte %d: %s", r.Kind, r.At, r.Offset, r.Text)
}

// maxReports is how many reports of a kind are kept; the rest are counted.
const maxReports = 100

// checker remembers what it takes to judge the next command.
type checker struct {
	chain   *Chain
	reports []Report
	counts  map[Kind]int
	offset  int64 // of the command being judged

	inactive bool
	clocked  bool // the clock changed since the counting number was written
	margin   bool // reported once for each rate
	mismatch bool
	verify   time.Duration // when a changed rate must have been verified; 0: it was
	overFor  *job          // already reported
	offAt    time.Duration
	wasOff   bool
	inReset  bool
}

func (k *checker) add(kind Kind, offset int64, format string, args ...any) {
	if k.counts == nil {
		k.counts = map[Kind]int{}
	}
	if k.counts[kind]++; k.counts[kind] > maxReports {
		return
	}
	r := Report{kind, k.chain.now, offset, fmt.Sprintf(format, args...)}
	k.reports = append(k.reports, r)
	k.chain.trace.event(r.At, "report", r)
}

// here reports the command being judged.
func (k *checker) here(kind Kind, format string, args ...any) { k.add(kind, k.offset, format, args...) }

func (k *checker) onReset() { k.inactive, k.clocked, k.verify, k.overFor = false, false, 0, nil }

func (k *checker) onRelease(now time.Duration) {
	k.inReset = false
	if d := now - k.chain.lowAt; d < 100*time.Millisecond {
		k.add(ShortReset, k.chain.tx.offset, "%v", d)
	}
}

// stopGrace is for a host that stops: it pulls the line without waiting for what it
// was just sending.
const stopGrace = 100 * time.Millisecond

func (k *checker) onByte(b txByte) {
	if k.chain.low && !k.inReset && b.at-k.chain.lowAt > stopGrace {
		k.inReset = true
		k.add(WhileReset, b.off, "byte %02x while reset is low", b.b)
	}
}

func (k *checker) onMargin(host int, chip float64) {
	if !k.margin {
		k.margin = true
		k.add(BaudMargin, k.chain.tx.offset, "host %d, chips %.0f", host, chip)
	}
}

func (k *checker) onMismatch(b txByte, chip float64) {
	if !k.mismatch {
		k.mismatch = true
		k.add(BaudMismatch, b.off, "host %d, chips %.0f", b.baud, chip)
	}
}

// onBaud judges a change of the host's rate.
func (k *checker) onBaud(now time.Duration, drained, flushed bool) {
	k.margin, k.mismatch = false, false
	if k.chain.tx.offset > 0 { // not the first host's first rate
		k.verify = now + 5*time.Second
	}
	if !drained {
		k.add(BaudTooEarly, k.chain.tx.offset, "%d bytes were not out", len(k.chain.tx.queue))
	}
	if !flushed && len(k.chain.rx.host) > 0 {
		k.add(NotFlushed, k.chain.tx.offset, "%d bytes kept", len(k.chain.rx.host))
	}
}

func (k *checker) onVoltage(now time.Duration, from, to float64) {
	switch {
	case to == 0 && from > 0:
		k.offAt, k.wasOff = now, true
	case to > 0 && from == 0 && k.wasOff && now-k.offAt < k.chain.cfg.Rest:
		k.add(PowerTooSoon, k.chain.tx.offset, "after %v", now-k.offAt)
	}
}

func (k *checker) onInactive() { k.inactive = true }

func (k *checker) onAddress(address byte, chips []*chip) {
	if !k.inactive {
		k.here(NotInactive, "address %02x", address)
		return
	}
	for _, ch := range chips {
		if ch.addressed && ch.address == address {
			k.here(AddressTwice, "%02x is chip %d's", address, ch.index)
			return
		}
	}
}

func (k *checker) onRead(cmd command, list []*chip) {
	if cmd.body[1] == regID {
		k.verify = 0
	}
	if len(list) == 0 {
		k.here(ToNobody, "read of %02x", cmd.body[1])
	}
}

func (k *checker) onWrite(cmd command, r byte, v uint32, list []*chip) {
	if len(list) == 0 {
		k.here(ToNobody, "write of %02x to %02x", r, cmd.body[0])
		return
	}
	m := k.chain.m
	switch r {
	case regCore:
		if v>>31 == 0 && v>>16&0x1ff == 0 && !m.bm1387 {
			k.here(SwappedCore, "%08x", v)
		}
	case m.reg.pll:
		k.onPLL(v, list[0])
		for _, ch := range list {
			ch.clockAt = k.chain.now
		}
	case m.reg.hcn:
		k.clocked = false
	case m.reg.ticket:
		if t := ticketValue(v); t&(t+1) != 0 {
			k.here(TicketMask, "register %08x is mask %x", v, t)
		}
	case m.reg.i2c:
		if a := v >> 17 & 0x7f; v>>24&1 != 0 && v>>16&1 != 0 && a>>3 == 0x50>>3 {
			k.here(I2CForbidden, "device %02x", a)
		}
	}
}

func (k *checker) onPLL(v uint32, ch *chip) {
	m, p := k.chain.m, k.chain.m.decodePLL(v)
	mhz := p.mhz()
	switch {
	case p.fb < m.fbMin || p.fb > m.fbMax || p.ref < 1 || p.ref > 2 || p.p1 < 1 || p.p1 > 7 || p.p2 < 1 || p.p2 > 7:
		k.here(PLLLimits, "%08x: FB %d REF %d P %d %d", v, p.fb, p.ref, p.p1, p.p2)
	case p.p1 < p.p2:
		k.here(PLLOrder, "%08x: P %d below %d", v, p.p1, p.p2)
	}
	if want := p.vco() >= m.vcoFlag; m.vcoFlag > 0 && p.flags&0x40 != 0 && want != (p.flags == 0x50) {
		k.here(PLLFlag, "%08x: VCO %.0f MHz", v, p.vco())
	}
	step := mhz - ch.nextMHz
	if same := step < 0.01 && step > -0.01; same {
		return // some firmware writes it twice
	}
	if ch.job != nil && (step > 12.5 || step < -12.5 || k.chain.now-ch.clockAt < 50*time.Millisecond) {
		k.here(ClockStep, "%+.2f MHz after %v", step, k.chain.now-ch.clockAt)
	}
	if need := ch.needs(mhz) - 2*minMargin*m.nominalMillivolts/1150; step > 0 && ch.supply() < need {
		k.here(ClockNoVolts, "%.1f MHz at %.0f mV", mhz, ch.supply())
	}
	k.clocked = true
}

// onJob judges a job against the one before it and the chips' registers.
func (k *checker) onJob(j *job, chips []*chip) {
	m := k.chain.m
	if len(chips) == 0 {
		k.here(ToNobody, "a job")
		return
	}
	if !m.midstates && j.version()&0x1fffe000 != 0 && chips[0].rolling {
		k.here(VersionBits, "version %08x", j.version())
	}
	if extra := j.id &^ m.idMask; extra != 0 {
		k.here(JobID, "id %02x comes back as %02x", j.id, j.id&m.idMask)
	}
	old := chips[0].job
	if old != nil && old.content == j.content && !j.null && j.at-old.at < chips[0].sweep.lapTime() {
		k.here(SameJob, "as %v before", j.at-old.at)
	}
	if m.reg.hcn != noReg {
		k.onHCN(chips)
	}
}

func (k *checker) onHCN(chips []*chip) {
	m, ch := k.chain.m, chips[0]
	hcn := ch.reg[m.reg.hcn]
	if hcn == 0 {
		k.here(NoHCN, "a job")
		return
	}
	if k.clocked && ch.mhz > 0 {
		k.clocked = false
		k.here(StaleHCN, "%x at %.2f MHz", hcn, ch.mhz)
	}
	slice := k.slice()
	if n := float64(hcn) * 2 * ch.mhz / crystal; n > float64(slice)*1.001 && ch.job == nil {
		k.here(LongHCN, "%.0f nonces of a slice of %d", n, slice)
	}
}

// slice is how many counts lie between two chips: an even share, or what the
// nonce offsets leave.
func (k *checker) slice() uint64 {
	size := uint64(1) << k.chain.m.counterBits()
	var starts []uint64
	for _, ch := range k.chain.chips {
		if offset := ch.reg[regNonceOffset]; offset>>31 != 0 {
			starts = append(starts, uint64(offset&0xffff)<<9)
		}
	}
	if len(starts) < len(k.chain.chips) {
		return size >> bits.Len(uint(len(k.chain.chips)-1))
	}
	slices.Sort(starts)
	slice := starts[0] + size - starts[len(starts)-1]
	for i := range starts[1:] {
		slice = min(slice, starts[i+1]-starts[i])
	}
	return slice
}

// onTick looks for what did not happen.
func (k *checker) onTick(now time.Duration) {
	if k.verify > 0 && now >= k.verify {
		k.verify = 0
		k.add(BaudUnverified, k.chain.tx.offset, "no read of register 00 for 5 s")
	}
	for _, ch := range k.chain.chips[:1] {
		over := ch.job != nil && ch.job != k.overFor && ch.sweep.counters > 0 && !ch.sweep.once && now > ch.sweep.at(1, 0)
		if over {
			k.overFor = ch.job
			k.add(SweepOver, ch.job.offset, "the job is %v old", now-ch.job.at)
		}
	}
}

// Reports lists the breaches so far, at most 100 of each kind.
func (c *Chain) Reports() []Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance(c.clock())
	return append([]Report(nil), c.check.reports...)
}

// A Count is how often a breach was seen.
type Count struct {
	Kind  Kind
	Count int
}

// Counts sums up the breaches by kind, also those beyond the first 100 of each.
func (c *Chain) Counts() []Count {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance(c.clock())
	var list []Count
	for _, k := range slices.Sorted(maps.Keys(c.check.counts)) {
		list = append(list, Count{k, c.check.counts[k]})
	}
	return list
}

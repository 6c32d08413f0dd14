package chipsim

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"
)

// Each breach of the protocol is reported, as what it is and as nothing else.
func TestChecker(t *testing.T) {
	job := func(h host, n byte) { h.p.Write(headerJob(8, someHeader(n))) }
	for _, c := range []struct {
		kind Kind
		do   func(h host, c *Chain)
	}{
		{StrayByte, func(h host, _ *Chain) { h.p.Write([]byte{1, 2, 3}) }},
		{UnknownHeader, func(h host, _ *Chain) { h.cmd(0x47, 5, 0, 0) }},
		{BadLength, func(h host, _ *Chain) { h.cmd(0x52, 6, 0, 0, 0) }},
		{BadCRC, func(h host, _ *Chain) { h.p.Write([]byte{0x55, 0xaa, 0x52, 5, 0, 0, 0x0b}) }},
		{NotInactive, func(h host, c *Chain) { c.PowerCycle(); h.cmd(0x40, 5, 0, 0) }},
		{AddressTwice, func(h host, _ *Chain) { h.cmd(0x53, 5, 0, 0); h.cmd(0x40, 5, 4, 0); h.cmd(0x40, 5, 4, 0) }},
		{ToNobody, func(h host, _ *Chain) { h.one(0x55, 0x54, 3) }},
		{SwappedCore, func(h host, _ *Chain) { h.all(0x3c, 0x00008b00) }},
		{PLLLimits, func(h host, _ *Chain) { h.all(0x08, 0x40100265) }},
		{PLLOrder, func(h host, _ *Chain) { h.all(0x08, 0x40a80224) }},
		{PLLFlag, func(h host, _ *Chain) { h.all(0x08, 0x50a80265) }},
		{ClockStep, func(h host, _ *Chain) { job(h, 1); h.all(0x08, 0x40a00230) }},
		{ClockNoVolts, func(h host, c *Chain) { c.SetVoltage(820); h.all(0x08, 0x40b00230) }},
		{NoHCN, func(h host, _ *Chain) { h.all(0x10, 0); job(h, 1) }},
		{LongHCN, func(h host, _ *Chain) { h.all(0x10, 0x800000); job(h, 1) }},
		{StaleHCN, func(h host, _ *Chain) { h.all(0x08, 0x40a00240); time.Sleep(time.Second); job(h, 1) }},
		{TicketMask, func(h host, _ *Chain) { h.all(0x14, 0x000000e1) }},
		{VersionBits, func(h host, _ *Chain) {
			b := someHeader(1)
			b[1] = 0x20
			h.p.Write(headerJob(8, b))
		}},
		{JobID, func(h host, _ *Chain) { h.p.Write(headerJob(9, someHeader(1))) }},
		{SameJob, func(h host, _ *Chain) { job(h, 1); job(h, 1) }},
		{SweepOver, func(h host, _ *Chain) { h.all(0x10, 100); job(h, 1); time.Sleep(2 * time.Second) }},
		{BaudTooEarly, func(h host, _ *Chain) { h.cmd(0x52, 5, 0, 0); h.p.SwitchBaud(115740) }},
		{BaudMismatch, func(h host, _ *Chain) { h.p.SetBaud(1000000); h.p.Write([]byte{0x55}) }},
		{BaudMargin, func(h host, _ *Chain) { h.p.SetBaud(112000); h.cmd(0x52, 5, 0, 0) }},
		{NotFlushed, func(h host, _ *Chain) { h.cmd(0x52, 5, 0, 0); time.Sleep(time.Second); h.p.SwitchBaud(115740) }},
		{BaudUnverified, func(h host, _ *Chain) { h.p.SetBaud(115740); time.Sleep(6 * time.Second) }},
		{ShortReset, func(_ host, c *Chain) { c.Reset(true); time.Sleep(50 * time.Millisecond); c.Reset(false) }},
		{WhileReset, func(h host, c *Chain) { c.Reset(true); time.Sleep(200 * time.Millisecond); h.cmd(0x52, 5, 0, 0) }},
		{PowerTooSoon, func(_ host, c *Chain) { c.SetVoltage(0); time.Sleep(10 * time.Second); c.SetVoltage(1200) }},
		{I2CForbidden, func(h host, _ *Chain) { h.all(0x1c, 0x01000000|0x51<<17|1<<16) }},
	} {
		synctest.Test(t, func(t *testing.T) {
			sim := newChain(t, Config{Model: "BM1366", Chips: 2, Zeros: 4})
			h := host{t, sim.Port()}
			h.all(regVersion, 0x9000ffff)
			h.cmd(0x53, 5, 0, 0)
			h.cmd(0x40, 5, 0, 0)
			h.cmd(0x40, 5, 0x80, 0)
			h.all(0x08, 0x40a80265) // 50 MHz
			time.Sleep(time.Second)
			h.all(0x10, 0x10000)
			time.Sleep(100 * time.Millisecond)
			c.do(h, sim)
			time.Sleep(time.Second)
			allowed := map[Kind]bool{c.kind: true}
			switch c.kind {
			case BaudMismatch, BadLength: // what is damaged, or left over, is no frame
				allowed[StrayByte] = true
			case ClockStep, LongHCN, ClockNoVolts, StaleHCN: // one follows from the other
				allowed[LongHCN], allowed[StaleHCN] = true, true
			}
			got := kinds(sim)
			if got[c.kind] == 0 {
				t.Errorf("%s is not reported; %v", c.kind, sim.Reports())
			}
			for k := range got {
				if !allowed[k] {
					t.Errorf("%s: also reported %v", c.kind, sim.Reports())
				}
			}
			for _, k := range sim.Counts() {
				if k.Count < got[k.Kind] {
					t.Errorf("%s counted %d times, reported %d times", k.Kind, k.Count, got[k.Kind])
				}
			}
		})
	}
}

// A host that stops breaches nothing: it pulls the line while its last command is
// still on its way. A regulator may come back at once.
func TestStopIsNoBreach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newChain(t, Config{Model: "BM1366", Zeros: 4, Rest: 10 * time.Millisecond})
		h := host{t, sim.Port()}
		go sim.Reset(true)
		h.cmd(0x52, 5, 0, 0)
		time.Sleep(time.Second)
		sim.SetVoltage(0)
		time.Sleep(20 * time.Millisecond)
		sim.SetVoltage(1200)
		time.Sleep(time.Second)
		if r := sim.Reports(); len(r) > 0 {
			t.Errorf("reported %v", r)
		}
	})
}

// Chips of the newer models take a job whatever length it names, as cgminer's
// drivers for the Compac A1 and A2 rely on. The checker says so, and nothing else.
func TestJobLength(t *testing.T) {
	for _, c := range []struct {
		model       string
		length, one byte
	}{{"BM1362", 0x36, 1}, {"BM1370", 0xff, 0}} {
		synctest.Test(t, func(t *testing.T) {
			sim := newChain(t, Config{Model: c.model, Chips: 1})
			b := headerJob(8, someHeader(1))[2:]
			b[1], b[3] = c.length, c.one
			copy(b[len(b)-2:], binary.BigEndian.AppendUint16(nil, crc16(b[:len(b)-2])))
			sim.Port().Write(append([]byte{0x55, 0xaa}, b...))
			time.Sleep(100 * time.Millisecond)
			sim.Status()
			if n := sim.chips[0].status.Jobs; n != 1 {
				t.Errorf("%s took %d jobs of length %02x", c.model, n, c.length)
			}
			if k := kinds(sim); k[BadLength] != 1 || k[StrayByte]+k[BadCRC] != 0 {
				t.Errorf("%s: reports %v", c.model, sim.Reports())
			}
		})
	}
}

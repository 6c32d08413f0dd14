package bm13xx

import "time"

// action is what a step of the bring-up does.
type action uint8

const (
	doWrite     action = iota // reg and value to all
	doIdentify                // read RegChipID of all, count the answers
	doInactive                // all chips wait for an address
	doAddresses               // one SetAddress each
	doFirst                   // reg and value to the first chip
	doEach                    // the list to one chip after the other
	doDomains                 // pin drive and relays at the ends of voltage domains
	doOffsets                 // nonce offsets, on chains that are long enough
	doTicket                  // the ticket mask
	doClock                   // the clock that Run walks on from
	doCount                   // the hash counting number
	doRolling                 // version rolling on, over all bits
	doBaud                    // chips, then host, to the wanted rate; then check
	doOpenCores               // BM1387: wake the cores with empty jobs
)

// step is one line of a chip's bring-up.
type step struct {
	do    action
	reg   Reg
	value uint32
	each  []write
	after time.Duration
}

// write is a register and its value.
type write struct {
	reg   Reg
	value uint32
}

const ms = time.Millisecond

// Values of register 3C, as ESP-Miner writes them.
var (
	coreHashClock  = CoreWrite{Reg: 5, Value: 0x40}.Register()
	coreClockSel   = CoreWrite{Reg: 0x0b, Value: 0}.Register()
	coreEnable     = CoreWrite{Reg: 2, Value: 0xaa}.Register()
	coreDelay1362  = CoreWrite{Reg: 0, Value: 0x08}.Register()
	coreDelay1366  = CoreWrite{Reg: 0, Value: 0x20}.Register()
	coreDelay1368  = CoreWrite{Reg: 0, Value: 0x18}.Register()
	coreDelay1370  = CoreWrite{Reg: 0, Value: 0x0c}.Register()
	coreDelay1372  = CoreWrite{Reg: 0, Value: 0x5a}.Register()
	coreDelay1397  = CoreWrite{Reg: 0, Value: 0x74}.Register()
	coreNonceBin   = CoreWrite{Reg: 0x0d, Value: 0xee}.Register()
	coreNonceBin72 = CoreWrite{Reg: 0x0d, Value: 0x04}.Register()
)

var rollAll = VersionMask{bits: 0xffff}.Register()

func wr(reg Reg, value uint32) step { return step{do: doWrite, reg: reg, value: value} }

// then adds a pause to a step.
func (s step) then(d time.Duration) step { s.after = d; return s }

// setStart is the first step of the clock.
var setStart = step{do: doClock}.then(rampPause)

// steps1387: the order of the S9's free firmware (bosminer), without the voltage
// steps, which are the board's.
var steps1387 = []step{
	{do: doIdentify},
	{do: doInactive, after: 100 * ms}, {do: doInactive, after: 100 * ms}, {do: doInactive, after: 100 * ms},
	{do: doAddresses, after: 10 * ms},
	setStart,
	{do: doBaud},
	{do: doTicket},
	{do: doOpenCores},
}

// steps1397: ESP-Miner bm1397.c. The rate is switched last.
var steps1397 = []step{
	step{do: doIdentify}.then(20 * ms),
	{do: doInactive}, {do: doAddresses},
	wr(RegClockOrder0, 0), wr(RegClockOrder1, 0), wr(RegOrderedClock, 1),
	wr(RegCoreControl, coreDelay1397),
	{do: doTicket},
	wr(RegPLL3, 0xc0700111), wr(RegFastUART, 0x0600000f), wr(RegMiscControl, 0x00007a31),
	setStart, {do: doBaud},
}

// steps1362: stock firmware of an S19j Pro, 126 chips, as Mujina's reference has
// it from a capture. It sets no pins and no relays at the ends of domains.
var steps1362 = []step{
	wr(RegVersion, rollAll),
	{do: doIdentify},
	wr(RegVersion, rollAll), wr(RegVersion, rollAll),
	wr(RegSoftReset, 0), wr(RegMiscControl, 0xb000c100),
	{do: doInactive}, {do: doAddresses},
	wr(RegCoreControl, coreHashClock), wr(RegCoreControl, coreDelay1362),
	{do: doTicket},
	wr(RegAnalogMux, 3), wr(RegPinStrength, 0x00011111),
	{do: doBaud},
	setStart,
	{do: doEach, each: []write{
		{RegSoftReset, 2}, {RegMiscControl, 0xb000c100}, {RegCoreControl, coreHashClock},
		{RegCoreControl, coreDelay1362}, {RegCoreControl, coreEnable}}},
	{do: doCount}, {do: doRolling},
}

// steps1366: ESP-Miner bm1366.c.
var steps1366 = []step{
	wr(RegVersion, rollAll), wr(RegVersion, rollAll), wr(RegVersion, rollAll),
	{do: doIdentify},
	wr(RegSoftReset, 0x00070000), wr(RegMiscControl, 0xff0fc100),
	{do: doInactive}, {do: doAddresses},
	wr(RegCoreControl, coreHashClock), wr(RegCoreControl, coreDelay1366),
	{do: doTicket},
	wr(RegAnalogMux, 3), wr(RegPinStrength, 0x02111111),
	{do: doFirst, reg: RegUARTRelay, value: 0x007c0003},
	{do: doDomains},
	{do: doEach, each: []write{
		{RegSoftReset, 0x000701f0}, {RegMiscControl, 0xf000c100}, {RegCoreControl, coreHashClock},
		{RegCoreControl, coreDelay1366}, {RegCoreControl, coreEnable}}},
	setStart, {do: doCount}, {do: doRolling}, {do: doBaud},
}

// steps1368: ESP-Miner bm1368.c.
var steps1368 = []step{
	wr(RegVersion, rollAll), wr(RegVersion, rollAll), wr(RegVersion, rollAll), wr(RegVersion, rollAll),
	{do: doIdentify},
	{do: doInactive},
	wr(RegSoftReset, 0x00070000), wr(RegMiscControl, 0xff0fc100),
	wr(RegCoreControl, coreClockSel), wr(RegCoreControl, coreDelay1368),
	wr(RegTicketMask, 0x000000ff),
	wr(RegAnalogMux, 3), wr(RegPinStrength, 0x02111111),
	{do: doAddresses},
	{do: doDomains},
	{do: doEach, after: 500 * ms, each: []write{
		{RegSoftReset, 0x000701f0}, {RegMiscControl, 0xf000c100}, {RegCoreControl, coreClockSel},
		{RegCoreControl, coreDelay1368}, {RegCoreControl, coreEnable}}},
	{do: doTicket},
	setStart, {do: doCount}, {do: doRolling}, {do: doBaud},
}

// steps1370: ESP-Miner bm1370.c; domains and offsets as an S21 Pro has them.
var steps1370 = []step{
	wr(RegVersion, rollAll), wr(RegVersion, rollAll), wr(RegVersion, rollAll),
	{do: doIdentify},
	wr(RegVersion, rollAll), wr(RegSoftReset, 0x00070000), wr(RegMiscControl, 0xf000c100),
	{do: doInactive}, {do: doAddresses},
	wr(RegCoreControl, coreClockSel), wr(RegCoreControl, coreDelay1370),
	{do: doTicket},
	wr(RegPinStrength, 0x00011111),
	{do: doDomains},
	{do: doEach, each: []write{
		{RegSoftReset, 0x000701f0}, {RegMiscControl, 0xf000c100}, {RegCoreControl, coreClockSel},
		{RegCoreControl, coreDelay1370}, {RegCoreControl, coreEnable}}},
	wr(RegB9, 0x4480), wr(RegAnalogMux, 2), wr(RegB9, 0x4480),
	wr(RegCoreControl, coreNonceBin),
	{do: doOffsets},
	setStart, {do: doCount}, {do: doBaud},
}

// steps1372: ESP-Miner's bring-up of BM1372 and BM1373.
var steps1372 = []step{
	{do: doIdentify},
	step{do: doInactive}.then(10 * ms), step{do: doAddresses}.then(10 * ms),
	wr(RegCoreControl, coreNonceBin72),
	{do: doTicket},
	wr(RegPinStrength, 0x00011111),
	{do: doDomains},
	wr(RegPLL3, 0x5aa55aa5).then(10 * ms),
	wr(RegAutoWork, 0),
	step{do: doBaud}.then(10 * ms),
	wr(RegSoftReset, 0xf00701f0).then(20 * ms),
	wr(RegMiscControl, 0xff00c100).then(10 * ms),
	wr(RegMiscQuirk, 0).then(10 * ms),
	wr(RegCoreControl, coreClockSel).then(10 * ms),
	wr(RegCoreControl, coreDelay1372).then(10 * ms),
	wr(RegCoreControl, coreEnable).then(10 * ms),
	wr(RegAnalogMux, 2),
	setStart, {do: doCount}, {do: doRolling},
	wr(RegAutoWork, 0),
}

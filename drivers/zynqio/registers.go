package zynqio

import "time"

// Registers, by the window that they are in (REFERENCE.md, "Registers").
const (
	regVersion  = 0x00 // common
	regBuild    = 0x04
	regControl  = 0x08
	regBaud     = 0x10
	regWorkTime = 0x14
	regErrors   = 0x18

	regRxFIFO    = 0x00 // of each FIFO's window
	regTxFIFO    = 0x04
	regFIFO      = 0x08 // control
	regStatus    = 0x0c
	regThreshold = 0x10 // of the work transmit window

	regFan    = 0x00 // to 0C: fan core, revolutions a second
	regFanPWM = 0x10 // percent
)

const (
	controlClear  = 1 << 0 // the error counter
	controlShift  = 1      // log2 of the midstates, two bits
	controlEnable = 1 << 3

	fifoResetRx = 1 << 0
	fifoResetTx = 1 << 1
	fifoIRQ     = 1 << 2

	statusRxEmpty = 1 << 0
	statusTxEmpty = 1 << 2
	statusTxFull  = 1 << 3
	statusPending = 1 << 4 // of work transmit: less than the threshold waits
)

const (
	// version is 1.0.0 of model 09, the only one that is known.
	version     = 0x00901000
	versionMask = 0xfff0_ffff // bits 19 to 16 are reserved
	// oldest is 2019: builds are Unix times, and none is from before.
	oldest = 1546300800

	clock        = 50_000_000 // Hz, of the bus and all counters
	maxDivisor   = 1<<12 - 1
	maxWorkTime  = 1<<24 - 1
	jobWords     = 4  // id, nbits, ntime, merkle root
	midstate     = 8  // words
	fullJobs     = 48 // that wait at most: 1728 of 2048 words with four midstates
	refillJobs   = 24 // the interrupt says that fewer wait
	sliceOfWait  = 50 * time.Millisecond
	commandBytes = 10 // more than the longest command on the line
)

// Window is one window of registers, 4 KiB, with its interrupt; uio.Device is one.
type Window interface {
	Read32(offset uint32) uint32
	Write32(offset, value uint32)
	// Wait waits for the window's interrupt, for limit at most.
	Wait(limit time.Duration) error
}

// Windows are the four of a chain's core.
type Windows struct {
	Common, Command, WorkRx, WorkTx Window
}

package bm13xx

import (
	"fmt"
	"math/bits"

	"github.com/lodefw/lode/bitcoin"
)

// Reg is a register's address (REFERENCE.md, "Registers").
type Reg uint8

const (
	RegChipID       Reg = 0x00
	RegPLL0         Reg = 0x08
	RegNonceOffset  Reg = 0x0c
	RegHashCount    Reg = 0x10
	RegTicketMask   Reg = 0x14
	RegMiscControl  Reg = 0x18
	RegMiscQuirk    Reg = 0x19 // BM1372/1373: ESP-Miner writes 0, meaning unknown
	RegOrderedClock Reg = 0x20
	RegFastUART     Reg = 0x28
	RegUARTRelay    Reg = 0x2c
	RegCoreControl  Reg = 0x3c
	RegCoreValue    Reg = 0x40 // comes unasked when core commands go wrong
	RegErrorCount   Reg = 0x4c
	RegAnalogMux    Reg = 0x54
	RegPinStrength  Reg = 0x58
	RegPLL3         Reg = 0x68
	RegPLL0Divider  Reg = 0x70
	RegClockOrder0  Reg = 0x80
	RegClockOrder1  Reg = 0x84
	RegVersion      Reg = 0xa4
	RegSoftReset    Reg = 0xa8
	RegB9           Reg = 0xb9 // meaning unknown, ESP-Miner bm1370.c
	RegAutoWork     Reg = 0xc4 // BM1372/1373

	// The BM1387 has its own map.
	reg87PLL         Reg = 0x0c
	reg87HashCount   Reg = 0x14
	reg87TicketMask  Reg = 0x18
	reg87MiscControl Reg = 0x1c
)

// TicketMask is the threshold for reporting a nonce: 32 zero bits are wired, and
// the mask asks for k more, a difficulty of 2^k. The zero value reports all.
type TicketMask struct{ k uint8 }

// NewTicketMask rounds a difficulty down to a power of two, like ESP-Miner does.
func NewTicketMask(difficulty uint64) (TicketMask, error) {
	if difficulty == 0 || difficulty > 1<<32-1 {
		return TicketMask{}, fmt.Errorf("bm13xx: ticket difficulty %d, want 1 to 2^32-1", difficulty)
	}
	return TicketMask{k: uint8(bits.Len64(difficulty) - 1)}, nil
}

// Difficulty is the power of two.
func (t TicketMask) Difficulty() uint64 { return 1 << t.k }

// Register is 2^k-1 with the bits of each byte reversed in place.
func (t TicketMask) Register() uint32 {
	mask := uint32(1)<<t.k - 1
	return bits.ReverseBytes32(bits.Reverse32(mask))
}

// Target is the largest hash that a chip reports. wired is the number of zero
// bits that are always tested: 32 in silicon, fewer in a virtual chip.
func (t TicketMask) Target(wired int) bitcoin.Target {
	var target bitcoin.Target
	zero := min(wired+int(t.k), 255)
	for i := range target {
		switch free := 256 - zero - 8*i; {
		case free >= 8:
			target[i] = 0xff
		case free > 0:
			target[i] = 1<<free - 1
		}
	}
	return target
}

// rolledBits are the version bits that a chip can roll: BIP320's sixteen.
const (
	rolledShift = 13
	rolledBits  = 0xffff << rolledShift
)

// VersionMask is the value of RegVersion: rolling on, over some of the bits 28 to 13.
type VersionMask struct{ bits uint16 }

// NewVersionMask takes a mask of header bits. Bits that chips cannot roll are an error.
func NewVersionMask(mask uint32) (VersionMask, error) {
	if mask&^uint32(rolledBits) != 0 {
		return VersionMask{}, fmt.Errorf("bm13xx: version mask %08x has bits beyond 28 to 13", mask)
	}
	return VersionMask{bits: uint16(mask >> rolledShift)}, nil
}

// Register switches rolling on (bit 31), generation 1 (bits 29..28).
func (v VersionMask) Register() uint32 { return 0x9000_0000 | uint32(v.bits) }

// CoreWrite is a write to a register of every core, by way of RegCoreControl. Bit
// 31 is always set: without it the chips flood the line (REFERENCE.md).
type CoreWrite struct {
	Reg   uint8 // 0 to 31
	Value uint8
}

// Register is the value of RegCoreControl.
func (c CoreWrite) Register() uint32 {
	return 1<<31 | 1<<15 | uint32(c.Reg&0x1f)<<8 | uint32(c.Value)
}

// UARTRelay has the first and last chip of a voltage domain pass signals on.
// Gap is a delay that falls towards the far end of the chain.
type UARTRelay struct{ Gap uint16 }

// Register relays both directions.
func (u UARTRelay) Register() uint32 { return uint32(u.Gap)<<16 | 3 }

// NonceOffset is where a chip starts to count, in steps of 512 nonces (BM1370).
type NonceOffset struct{ Start uint16 }

// Register sets the valid bit.
func (n NonceOffset) Register() uint32 { return 1<<31 | uint32(n.Start) }

package chipsim

import (
	"maps"
	"slices"
)

// A model is what the chips of the family differ in.
type model struct {
	name string
	id   uint32 // register 0 with address 0

	cores     int  // per chip
	coreBits  uint // of the nonce, at its top
	coreSmall uint // of the nonce, below the core: its small cores split the nonces
	even      bool // chips split the nonces by their place, whatever their address
	parallel  int  // versions (or midstates) that are tested at the same time
	working   int  // small cores that work: the others are never connected

	midstates  bool // jobs carry midstates; the header form otherwise
	bm1387     bool // no preamble, other command numbers, other nonce bits
	minusOne   bool // PLL post dividers are written minus one
	fbMin      uint32
	fbMax      uint32
	vcoFlag    float64 // MHz from which the flags byte must be 50; 0: never
	smallBits  uint    // bits of the job byte that carry the small core
	idMask     byte    // bits of a job id that come back
	idShift    uint    // how far left they come back
	addrShift  uint    // register commands name a chip by its address >> addrShift
	reportBits uint32  // misc control: what must be set for all cores to report

	reg regNumbers

	nominalMHz        float64
	nominalMillivolts float64
	watts             float64 // at nominal clock and voltage
}

// regNumbers are the registers whose address depends on the model; the rest are
// constants. 0xFF stands for none.
type regNumbers struct{ pll, hcn, ticket, misc, i2c byte }

const (
	regID            = 0x00
	regNonceOffset   = 0x0c
	regFastUART      = 0x28
	regCore          = 0x3c
	regCoreValue     = 0x40
	regErrorFlags    = 0x48
	regHashes        = 0x4c // of errors, in ESP-Miner's words; unit 2^20
	regPLL1          = 0x60
	regPLL3          = 0x68
	regDomainHashes  = 0x88 // to 8B; 8C is the total
	regVersion       = 0xa4
	regTemperature   = 0xb4
	noReg            = 0xff
	hashRateUnit     = 1 << 24
	hashCounterShift = 20
)

func models() map[string]*model {
	newer := regNumbers{pll: 0x08, hcn: 0x10, ticket: 0x14, misc: 0x18, i2c: 0x1c}
	// BM1397: small cores and chip stand in the nonce as bm13xx-rs and kano's cgminer
	// have it. That each nonce is tried with all midstates in turn is a guess.
	list := []*model{
		{name: "BM1387", id: 0x13879000, cores: 114, coreBits: 7, parallel: 1, working: 114, midstates: true, bm1387: true,
			fbMin: 32, fbMax: 128, idMask: 0x7f, reg: regNumbers{pll: 0x0c, hcn: noReg, ticket: 0x18, misc: 0x1c, i2c: 0x20},
			nominalMHz: 650, nominalMillivolts: 417, watts: 6.5},
		{name: "BM1397", id: 0x13971800, cores: 168, coreBits: 8, coreSmall: 2, parallel: 1, working: 672, midstates: true,
			fbMin: 60, fbMax: 200, smallBits: 2, idMask: 0xfc, reg: regNumbers{pll: 0x08, hcn: noReg, ticket: 0x14, misc: 0x18, i2c: 0x1c},
			nominalMHz: 425, nominalMillivolts: 1400, watts: 9},
		{name: "BM1362", id: 0x13620300, cores: 65, coreBits: 7, parallel: 8, working: 520, minusOne: true,
			fbMin: 0x10, fbMax: 0xfa, vcoFlag: 2400, smallBits: 3, idMask: 0xf8, reportBits: 0xb, reg: newer,
			nominalMHz: 525, nominalMillivolts: 320, watts: 8},
		{name: "BM1366", id: 0x13660000, cores: 112, coreBits: 7, parallel: 8, working: 894, minusOne: true,
			fbMin: 144, fbMax: 235, vcoFlag: 2400, smallBits: 3, idMask: 0xf8, reportBits: 0xf, reg: newer,
			nominalMHz: 485, nominalMillivolts: 1200, watts: 12},
		{name: "BM1368", id: 0x13680000, cores: 80, coreBits: 7, parallel: 16, working: 1276, minusOne: true,
			fbMin: 144, fbMax: 235, vcoFlag: 2400, smallBits: 4, idMask: 0x78, idShift: 1, reportBits: 0xf, reg: newer,
			nominalMHz: 490, nominalMillivolts: 1166, watts: 13},
		{name: "BM1370", id: 0x13700000, cores: 128, coreBits: 7, parallel: 16, working: 2040, minusOne: true,
			fbMin: 160, fbMax: 239, vcoFlag: 2400, smallBits: 4, idMask: 0x78, idShift: 1, reportBits: 0xf, reg: newer,
			nominalMHz: 525, nominalMillivolts: 1150, watts: 17},
	}
	for _, id := range []uint32{0x1372, 0x1373} {
		// 64 versions at a time is a guess: 6725 small cores on 128 cores need more than 32.
		// ESP-Miner gives addresses 16 apart, but takes the chip out of a nonce as if
		// they were 256/n apart: that the chips split it so is a guess, too.
		list = append(list, &model{name: map[uint32]string{0x1372: "BM1372", 0x1373: "BM1373"}[id], id: id << 16,
			cores: 128, coreBits: 7, even: true, parallel: 64, working: 6725, minusOne: true,
			fbMin: 160, fbMax: 239, vcoFlag: 2400, smallBits: 4, idMask: 0x78, idShift: 1, addrShift: 2, reportBits: 0xf, reg: newer,
			nominalMHz: 327, nominalMillivolts: 1000, watts: 20})
	}
	byName := make(map[string]*model, len(list))
	for _, m := range list {
		byName[m.name] = m
	}
	return byName
}

// small is how many small cores of a core split the nonces.
func (m *model) small() int { return 1 << m.coreSmall }

// counterBits is the width of what a core counts.
func (m *model) counterBits() uint { return 32 - m.coreBits - m.coreSmall }

// Models names every chip that there is a model of.
func Models() []string { return slices.Sorted(maps.Keys(models())) }

// startPLL is the clock with which chips hash although nobody has written one; 0
// for those that do not. A BM1387 does: skot's bm1387_scripts and cgminer's sticks
// never write it, or not before there are results. The 400 MHz are a guess, from the
// BM1397's dump; with 100, cgminer's stick of twelve chips would reset for ever.
func (m *model) startPLL() uint32 {
	if m.bm1387 {
		return 0x00600161
	}
	return 0
}

// resetValues gives the registers after a reset. Only some are documented: the
// BM1397's from a register dump, of the newer chips 18 and 28.
func (m *model) resetValues() map[byte]uint32 {
	if m.bm1387 {
		return map[byte]uint32{0x00: m.id, 0x0c: m.startPLL(), 0x1c: 0x40201a80}
	}
	v := map[byte]uint32{
		0x00: m.id, 0x08: 0xc0600161, 0x1c: 0x01000000, 0x20: 0x0000ffff, 0x2c: 0x000f0000, 0x3c: 0x00004000,
		0x58: 0x02112111, 0x5c: 0x0000ffff, 0x60: 0x00640111, 0x64: 0x00680111, 0x68: 0x00700111,
		0x70: 0x03040607, 0x74: 0x03040506, 0xa4: 0x0000ffff, 0xa8: 0x00070000,
	}
	if m.midstates {
		v[0x18], v[0x28], v[0x80], v[0x84] = 0x00003a01, 0x0600000f, 0xd95c8410, 0xfb73ea62
		return v
	}
	v[0x18], v[0x28] = 0x0000c100, 0x01301a00
	return v
}

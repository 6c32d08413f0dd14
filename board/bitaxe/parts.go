package bitaxe

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"periph.io/x/conn/v3/i2c"
)

// Addresses on the boards' I²C bus (ESP-Miner).
const (
	AddrRegulator = 0x24
	AddrFan2103   = 0x2e
	AddrFan2302   = 0x2f
	AddrMeter     = 0x40
	AddrDAC       = 0x48
	AddrFan       = 0x4c
)

// Names of parts.
const (
	regulator = "TPS546"
	dac       = "DS4432U"
	meter     = "INA260"
	sensor    = "TMP1075"
)

// sensorPairs are where sources have the two sensors of a Hex: ESP-Miner's TMP1075.h,
// and other descriptions of the board. The board is asked.
var sensorPairs = [...][2]uint16{{0x4a, 0x4b}, {0x48, 0x49}}

// found are the parts that answer on a board's bus.
type found []place

type place struct {
	part string
	addr uint16
}

func (f found) has(part string, addr uint16) bool { return slices.Contains(f, place{part, addr}) }

// String lists the parts.
func (f found) String() string {
	if len(f) == 0 {
		return "nothing on the I²C bus"
	}
	var list []string
	for _, p := range f {
		list = append(list, p.String())
	}
	return strings.Join(list, ", ")
}

func (p place) String() string { return fmt.Sprintf("%s at %#02x", p.part, p.addr) }

// sensors are the addresses of a Hex's two sensors, nil if they are not there.
func (f found) sensors() []uint16 {
	for _, pair := range sensorPairs {
		if f.has(sensor, pair[0]) && f.has(sensor, pair[1]) {
			return pair[:]
		}
	}
	return nil
}

// look asks for every part that a board of the family has, and changes none: what
// is there must be known before anything is set up, as a regulator for 5 V would
// not stand the settings of one for 12 V.
func look(bus i2c.Bus) (f found) {
	for addr := uint16(AddrRegulator); addr <= AddrFan; addr++ {
		if part := identify(bus, addr); part != "" {
			f = append(f, place{part, addr})
		}
	}
	return f
}

// identify names the part at an address, "" if there is none that we know.
func identify(bus i2c.Bus, addr uint16) string {
	read := func(reg byte, n int) []byte {
		b := make([]byte, n)
		for range 2 { // a bus may glitch
			if bus.Tx(addr, []byte{reg}, b) == nil {
				return b
			}
		}
		return make([]byte, n)
	}
	word := func(reg byte) uint16 { return binary.BigEndian.Uint16(read(reg, 2)) }
	switch {
	case addr == AddrRegulator:
		if string(read(0xad, 7)[:6]) == "\x06TIT\x6d\x24" {
			return regulator
		}
	case addr == AddrFan2103 || addr == AddrFan2302 || addr == AddrFan:
		return fanController(read(0xfe, 1)[0], read(0xfd, 1)[0])
	case addr == AddrMeter:
		if word(0xfe) == 0x5449 && word(0xff)&0xfff0 == 0x2270 {
			return meter
		}
	case addr >= 0x48 && addr <= 0x4b:
		if word(0x0f) == 0x7500 {
			return sensor
		}
		if addr == AddrDAC {
			return currentDAC(bus)
		}
	}
	return ""
}

// fanController knows a chip by its maker and product.
func fanController(maker, product byte) string {
	switch {
	case maker == 0x55:
		return "TMP451" // of an emberOne, with an EMC2101's address
	case maker != 0x5d:
		return ""
	case product == 0x16 || product == 0x28:
		return "EMC2101"
	case product == 0x24 || product == 0x26:
		return "EMC2103"
	case product == 0x36:
		return "EMC2302"
	}
	return ""
}

// currentDAC has no id: it is what answers there, the same twice, and is no sensor.
func currentDAC(bus i2c.Bus) string {
	var a, b [1]byte
	if bus.Tx(AddrDAC, []byte{0xf8}, a[:]) != nil || bus.Tx(AddrDAC, []byte{0xf8}, b[:]) != nil || a != b || a[0] == 0xff {
		return ""
	}
	return dac
}

// fits says what a board of this kind would have that was not found, or nil.
func (k *Kind) fits(f found) error {
	tps, bent := f.has(regulator, AddrRegulator), f.has(dac, AddrDAC) || f.has(meter, AddrMeter)
	var missing []string
	want := func(ok bool, what string) {
		if !ok {
			missing = append(missing, what)
		}
	}
	switch {
	case k.Stage != nil && tps && k.Bent && bent:
		return fmt.Errorf("bitaxe: two regulators answer, one of which must be another board's: found %v", f)
	case k.Stage != nil && tps:
	case k.Bent && bent:
		want(f.has(dac, AddrDAC), place{dac, AddrDAC}.String())
		want(f.has(meter, AddrMeter), place{meter, AddrMeter}.String())
	case k.Stage != nil && k.Bent:
		want(false, fmt.Sprintf("%v, or %v and %v", place{regulator, AddrRegulator}, place{dac, AddrDAC}, place{meter, AddrMeter}))
	case k.Bent:
		want(false, fmt.Sprintf("%v and %v", place{dac, AddrDAC}, place{meter, AddrMeter}))
	default:
		want(false, place{regulator, AddrRegulator}.String())
	}
	switch k.Cooler {
	case EMC2101:
		want(f.has("EMC2101", AddrFan), place{"EMC2101", AddrFan}.String())
	case EMC2103:
		want(f.has("EMC2103", AddrFan2103), place{"EMC2103", AddrFan2103}.String())
	case EMC2302TMP1075:
		want(f.has("EMC2302", AddrFan2302), place{"EMC2302", AddrFan2302}.String())
		want(f.sensors() != nil, "two TMP1075 at 0x4a and 0x4b, or 0x48 and 0x49")
	}
	if missing != nil {
		return fmt.Errorf("bitaxe: this is no %s, or not all of it has power: found %v; no %s", k.Name, f, strings.Join(missing, ", "))
	}
	return nil
}

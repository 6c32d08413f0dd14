package virtual

import (
	"github.com/lodefw/lode/board/bitaxe"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
)

// faults are what a Bitaxe can have beside its chips'.
func (b *Bitaxe) faults(bent bool) []Fault {
	none := i2csim.Fault{}
	nak := i2csim.Fault{NAK: -1}
	set := func(f i2csim.Fault, addrs ...uint16) func() {
		return func() {
			for _, a := range addrs {
				b.Bus.SetFault(a, f)
			}
		}
	}
	fan, place, sensor := b.Fans[0].Name, b.Thermometers[0].Name, b.coolerAddr()
	if b.kind.Cooler == bitaxe.EMC2302TMP1075 {
		sensor = hexSensors[0]
	}
	power := uint16(bitaxe.AddrRegulator)
	if bent {
		power = bitaxe.AddrDAC
	}
	dead := func(dead bool) func() { return func() { b.Bus.Do(func() { b.fans[0].Dead = dead }) } }
	list := []Fault{
		{FanStops, fan, func() { b.StopFan(true) }, func() { b.StopFan(false) }},
		{TachLost, fan, dead(true), dead(false)},
		{SensorNAK, place, set(nak, sensor), set(none, sensor)},
		{HotAir, place, func() { b.SetAmbient(95) }, func() { b.SetAmbient(25) }},
		{RegulatorNAK, railName, set(nak, power), set(none, power)},
		{OverCurrent, railName, func() { b.SetLeak(float64(b.Rails[0].Limits.Current)) }, func() { b.SetLeak(0) }},
		{SupplyLow, railName, func() { b.SetInput(b.usual * 0.86) }, func() { b.SetInput(b.usual) }},
		{SupplyHigh, railName, func() { b.SetInput(b.usual * 1.18) }, func() { b.SetInput(b.usual) }},
		{BusDead, "", set(nak, b.addrs()...), set(none, b.addrs()...)},
		{BusHangs, "", set(i2csim.Fault{Late: 3e9, NAK: -1}, sensor), set(none, sensor)},
	}
	if b.diodes != nil {
		list = append(list, Fault{SensorLost, place, func() { b.OpenDiode(true) }, func() { b.OpenDiode(false) }})
	}
	if b.Thermometers[0].Fine {
		list = append(list, Fault{SensorStuck, place, set(i2csim.Fault{Stuck: true}, sensor), set(none, sensor)})
	}
	if bent {
		return append(list, Fault{SupplyNAK, railName, set(nak, bitaxe.AddrMeter), set(none, bitaxe.AddrMeter)})
	}
	return append(list,
		Fault{SensorHot, "regulator", func() { b.HeatRegulator(90) }, func() { b.HeatRegulator(0) }},
		Fault{RegulatorTrip, railName, func() { b.TripRegulator(0x7b, 0x80) }, func() {}})
}

const railName = "core regulator"

func (b *Bitaxe) coolerAddr() uint16 {
	return [...]uint16{bitaxe.EMC2101: bitaxe.AddrFan, bitaxe.EMC2103: bitaxe.AddrFan2103, bitaxe.EMC2302TMP1075: bitaxe.AddrFan2302}[b.kind.Cooler]
}

// addrs are all addresses that the board may have something at.
func (b *Bitaxe) addrs() []uint16 {
	return append([]uint16{bitaxe.AddrRegulator, bitaxe.AddrDAC, bitaxe.AddrMeter, b.coolerAddr()}, hexSensors[:]...)
}

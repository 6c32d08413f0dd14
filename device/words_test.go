package device

import (
	"testing"

	"github.com/lodefw/lode/board"
)

// People are told what is measured, and no zeros for what is not.
func TestBoardWords(t *testing.T) {
	alive := []board.ChipStatus{{Health: "alive"}, {Health: "dead"}}
	trip := newReason(ChainFailed, "chain 2", "is silent")
	b := &BoardStatus{
		Power: PowerMining,
		Chains: []LinkStatus{
			{Power: PowerMining, ChainStatus: board.ChainStatus{Model: "BM1370", MHz: 525, Chips: alive}},
			{Power: PowerSafeOff, Reason: &trip, ChainStatus: board.ChainStatus{Model: "Bitfury"}},
		},
		Temperatures: []TemperatureStatus{{Name: "chip", Celsius: 45}, {Name: "air", AgeSeconds: -1}, {Name: "inlet", Error: "no answer"}},
		Fans:         []FanStatus{{Name: "fan", RPM: 4000}, {Name: "other", Error: "no answer"}},
		Rails:        []RailStatus{{Output: 1.15, Amps: 10, Watts: 11.5}, {Output: 13.5}, {Name: "core"}, {Name: "pins", Error: "no answer"}},
		Blocked:      "the air is too hot",
	}
	want := "mining: 1 BM1370 525 MHz, 0 Bitfury (" + trip.String() + "), chip 45.0 °C, inlet not read, fan 4000 rpm, other not read, " +
		"1.15 V 11.5 W, 13.50 V, pins not read, the air is too hot"
	if got := b.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

package device

import (
	"fmt"
	"time"

	"github.com/lodefw/lode/board"
)

// Power is what the guard has made of the board.
//
//	      sensors and fans are well            every chain hashes
//	Off ----------------------------> Starting ------------------> Mining
//	 ^                                 |  ^                         |  ^
//	 | ctx ends                        |  |                 too hot |  | cool
//	 | (from everywhere)               |  |                         v  |
//	 |                                 |  |                       Throttled
//	 |   a limit, a lost sensor, a fan,|  | the cause is gone,      |
//	 |   a chain                       v  | it is cool, it rested   |
//	 +------------------------------ SafeOff <----------------------+
//	                                   |  ^
//	too often in an hour, or a cause   v  |
//	that does not pass by itself     Fault ---> Off, when somebody clears it
//
// In Off, SafeOff and Fault the chips have no power and the fans turn until all is
// cool. SafeOff and Fault keep their Reason.
//
// Each chain goes the same way for itself, without Throttled. One that fails, or
// whose own rail, heartbeat or sensor does, is turned off alone and tried again; the
// board is in SafeOff once no chain is left, and in Fault once all of them are.
type Power uint8

// What the board is at.
const (
	PowerOff Power = iota
	PowerStarting
	PowerMining
	PowerThrottled // mining, at less than the full clock
	PowerSafeOff   // comes back by itself
	PowerFault     // needs somebody
)

func powerNames() [6]string {
	return [...]string{"off", "starting", "mining", "throttled", "safe-off", "fault"}
}

// String is the state's name for people.
func (p Power) String() string { return powerNames()[min(p, PowerFault)] }

// on tells whether the chips have power.
func (p Power) on() bool { return p == PowerStarting || p == PowerMining || p == PowerThrottled }

// MarshalText is the name.
func (p Power) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads a name. An unknown one means PowerFault.
func (p *Power) UnmarshalText(text []byte) error {
	for *p = PowerOff; *p < PowerFault && p.String() != string(text); *p++ {
	}
	return nil
}

// Code names a kind of reason for programs.
type Code string

// Why the guard turns a board off.
const (
	ControllerSilent Code = "controller-silent" // nothing on the board answers
	SensorLost       Code = "sensor-lost"
	OverTemperature  Code = "over-temperature"
	FanStopped       Code = "fan-stopped"
	FanUnreadable    Code = "fan-unreadable"
	SupplyBad        Code = "supply"
	OverCurrent      Code = "over-current"
	RegulatorFault   Code = "regulator-fault"
	RegulatorSilent  Code = "regulator-silent"
	OutputBad        Code = "output-voltage"
	PowerUpFailed    Code = "power-up-failed"
	ChainFailed      Code = "chain-failed"
	ChainStuck       Code = "chain-stuck"
	StartTimeout     Code = "start-timeout"
	KeeperFailed     Code = "keeper-failed" // a heartbeat, or the like
	GuardStuck       Code = "guard-stuck"   // this program did not look after the board
)

// advice is what a person can do.
func (c Code) advice() string {
	switch c {
	case ControllerSilent:
		return "check the cable to the board and its controller"
	case SensorLost:
		return "check the board's sensor wiring; the board runs again when the sensor answers"
	case OverTemperature:
		return "check air flow, dust, and that the heat sink sits tight"
	case FanStopped, FanUnreadable:
		return "check the fan, its plug and its tachometer wire"
	case SupplyBad:
		return "check the power supply and its cable"
	case OverCurrent, RegulatorFault, RegulatorSilent, OutputBad, PowerUpFailed:
		return "look for shorts and burnt parts before you clear it"
	case ChainFailed, ChainStuck, StartTimeout:
		return "check the chips' cable and solder; the log names chips"
	case KeeperFailed:
		return "check the voltage controller or supply and its I²C cable"
	case GuardStuck:
		return "this is a fault of the program or of a computer that is too slow: report it with the log"
	}
	return ""
}

// passes tells whether a cause can go away by itself. What a short looks like
// cannot: power stays off until somebody has looked.
func (c Code) passes() bool { return c != OverCurrent && c != RegulatorFault }

// Reason is why a board is off.
type Reason struct {
	Code   Code      `json:"code"`
	Part   string    `json:"part"`
	Text   string    `json:"text"`
	Advice string    `json:"advice"`
	At     time.Time `json:"at"`
}

func newReason(c Code, part, format string, args ...any) Reason {
	return Reason{Code: c, Part: part, Text: fmt.Sprintf(format, args...), Advice: c.advice()}
}

func (r *Reason) String() string { return fmt.Sprintf("%s: %s %s", r.Code, r.Part, r.Text) }

// BoardStatus is a guarded board at one moment.
type BoardStatus struct {
	Name         string              `json:"name"`
	Power        Power               `json:"power"`
	SinceSeconds float64             `json:"since_seconds"`
	Reason       *Reason             `json:"reason,omitempty"`     // of SafeOff and Fault
	Blocked      string              `json:"blocked_by,omitempty"` // what keeps it off now
	Trips        int                 `json:"trips"`                // since the start
	ClockShare   float64             `json:"clock_share"`          // 1: not throttled
	Temperatures []TemperatureStatus `json:"temperatures"`
	Fans         []FanStatus         `json:"fans"`
	Rails        []RailStatus        `json:"rails"`
	Chains       []LinkStatus        `json:"chains"`
}

// LinkStatus is a chain with what the guard made of it.
type LinkStatus struct {
	Name         string  `json:"name"`
	Power        Power   `json:"power"`
	SinceSeconds float64 `json:"since_seconds"`
	Reason       *Reason `json:"reason,omitempty"`     // why it was turned off last
	Blocked      string  `json:"blocked_by,omitempty"` // what keeps it off now
	board.ChainStatus
}

// TemperatureStatus is a place's temperature. Without Error it was measured
// AgeSeconds ago.
type TemperatureStatus struct {
	Name       string        `json:"name"`
	Celsius    board.Celsius `json:"celsius"`
	AgeSeconds float64       `json:"age_seconds"`
	Error      string        `json:"error,omitempty"`
}

// FanStatus is a fan's.
type FanStatus struct {
	Name  string  `json:"name"`
	RPM   float64 `json:"rpm"`
	Duty  float64 `json:"duty"` // 0 to 1
	Error string  `json:"error,omitempty"`
}

// RailStatus is a supply's.
type RailStatus struct {
	Name   string      `json:"name"`
	Output board.Volts `json:"output_volts"`
	Amps   board.Amps  `json:"output_amps"`
	Input  board.Volts `json:"input_volts"`
	Watts  float64     `json:"watts"`
	Error  string      `json:"error,omitempty"`
}

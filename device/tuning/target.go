package tuning

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Goal is what a target is about.
type Goal uint8

// Goals.
const (
	None       Goal = iota // nothing is tuned
	Power                  // the most hashes for so many watts
	HashRate               // so many hashes per second for the fewest watts
	Efficiency             // the fewest joules per hash
)

// Target is what to tune for. Its text is "power=15W", "hashrate=1.1TH" or
// "efficiency".
type Target struct {
	Goal  Goal
	Value float64 // watts, or hashes per second
}

// String is the target's text.
func (t Target) String() string {
	switch t.Goal {
	case Power:
		return "power=" + strconv.FormatFloat(t.Value, 'g', -1, 64) + "W"
	case HashRate:
		i := 0
		v := t.Value
		for ; v >= 1000 && i < len(prefixes); i++ {
			v /= 1000
		}
		return "hashrate=" + strconv.FormatFloat(v, 'g', -1, 64) + strings.TrimSpace((" " + prefixes)[i:i+1]) + "H"
	case Efficiency:
		return "efficiency"
	}
	return ""
}

// prefixes of units, each a thousand times the one before.
const prefixes = "kMGTPE"

// ParseTarget reads a target. Units may have a prefix: W, kW; H, kH, MH, GH, TH, PH
// and EH, also as H/s.
func ParseTarget(text string) (Target, error) {
	name, value, _ := strings.Cut(strings.TrimSpace(text), "=")
	var t Target
	var err error
	switch {
	case name == "" && value == "":
		return t, nil
	case name == "efficiency" && value == "":
		return Target{Goal: Efficiency}, nil
	case name == "power":
		t.Goal = Power
		t.Value, err = quantity(value, "W")
	case name == "hashrate":
		t.Goal = HashRate
		t.Value, err = quantity(strings.TrimSuffix(value, "/s"), "H")
	default:
		err = fmt.Errorf("no such target")
	}
	if err != nil {
		return Target{}, fmt.Errorf("tuning: %q: %w; want power=15W, hashrate=1.1TH or efficiency", text, err)
	}
	return t, nil
}

// quantity reads a number with an optional prefix and unit.
func quantity(text, unit string) (float64, error) {
	text = strings.TrimSuffix(strings.TrimSpace(text), unit)
	scale := 1.0
	if n := len(text); n > 0 {
		prefix := text[n-1]
		if prefix == 'K' {
			prefix = 'k'
		}
		if i := strings.IndexByte(prefixes, prefix); i >= 0 {
			scale, text = math.Pow(1000, float64(i+1)), text[:n-1]
		}
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(v > 0) || math.IsInf(v*scale, 0) {
		return 0, fmt.Errorf("want a number above zero, with %s", unit)
	}
	return v * scale, nil
}

// MarshalText is the target's text.
func (t Target) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads it.
func (t *Target) UnmarshalText(text []byte) (err error) {
	*t, err = ParseTarget(string(text))
	return err
}

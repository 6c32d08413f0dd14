// Package described makes a board from a TOML file, of the same parts that boards
// in code have: docs/board-file.md tells every key. A file that leaves out a limit,
// or has a key that nobody knows, is refused with the key's name.
package described

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/drivers/bm13xx"
	"periph.io/x/conn/v3/physic"
)

// File is what a file can say.
type File struct {
	Name      string   `toml:"name"`
	Bridge    string   `toml:"bridge"`    // control port of a controller that runs bitaxe-raw
	Unguarded string   `toml:"unguarded"` // why nothing on it is watched
	Poll      duration `toml:"poll"`
	Rest      duration `toml:"rest"`

	Chains       []Chain       `toml:"chain"`
	Rails        []Rail        `toml:"rail"`
	Fans         []Fan         `toml:"fan"`
	Thermometers []Thermometer `toml:"thermometer"`
}

// Chain is a chain of Bitmain's chips.
type Chain struct {
	Name    string   `toml:"name"`
	UART    string   `toml:"uart"`
	Model   string   `toml:"model"`
	Chips   int      `toml:"chips"`
	Domains int      `toml:"domains"`
	Clock   float64  `toml:"clock"` // MHz
	Baud    int      `toml:"baud"`
	Reset   *int     `toml:"reset"`
	Active  string   `toml:"reset-active"` // level that holds the chips: low, or high
	Settle  duration `toml:"settle"`
	Ticket  uint64   `toml:"ticket"`
	Zeros   int      `toml:"wired-zeros"` // of virtual chips
}

// Rail is a supply of chips.
type Rail struct {
	Name      string   `toml:"name"`
	Kind      string   `toml:"kind"`
	Chain     int      `toml:"chain"`
	Bus       int      `toml:"bus"`
	Address   uint16   `toml:"address"`
	Monitor   uint16   `toml:"monitor"` // INA260 that measures what feeds it
	Volts     float64  `toml:"volts"`
	Start     float64  `toml:"start-volts"`
	Step      float64  `toml:"step-volts"`
	Dwell     duration `toml:"dwell"`
	Min       float64  `toml:"min-volts"`
	Max       float64  `toml:"max-volts"`
	Enable    *int     `toml:"enable"`
	Active    string   `toml:"enable-active"` // level that turns it on
	Settle    duration `toml:"settle"`
	MinInput  float64  `toml:"min-input"`
	MaxInput  float64  `toml:"max-input"`
	MaxAmps   float64  `toml:"max-amps"`
	Tolerance float64  `toml:"tolerance"` // percent
}

// Fan is a fan with a tachometer.
type Fan struct {
	Name    string   `toml:"name"`
	Kind    string   `toml:"kind"`
	Bus     int      `toml:"bus"`
	Address uint16   `toml:"address"`
	Output  int      `toml:"output"` // of an EMC2302
	Chip    int      `toml:"pwm-chip"`
	Channel int      `toml:"pwm-channel"`
	Period  duration `toml:"pwm-period"`
	Tach    *int     `toml:"tach"`
	MinDuty float64  `toml:"min-duty"` // percent
	MinRPM  float64  `toml:"min-rpm"`
}

// Thermometer is a sensor at a place.
type Thermometer struct {
	Name     string  `toml:"name"`
	Kind     string  `toml:"kind"`
	Chain    int     `toml:"chain"`
	Bus      int     `toml:"bus"`
	Address  uint16  `toml:"address"`
	Sensor   string  `toml:"sensor"` // internal or external
	Target   float64 `toml:"target"`
	Throttle float64 `toml:"throttle"`
	Max      float64 `toml:"max"`
}

// duration is text such as "300ms".
type duration struct{ time.Duration }

// UnmarshalText is for the file.
func (d *duration) UnmarshalText(b []byte) (err error) {
	d.Duration, err = time.ParseDuration(string(b))
	if err == nil && (d.Duration < 0 || d.Duration > time.Hour) {
		err = fmt.Errorf("%v is not between 0 and an hour", d.Duration)
	}
	return err
}

// The most that a file can have to say. The decoder's memory grows with the square
// of how deep tables are in each other, by braces or by dots in a key.
const (
	mostBytes  = 64 << 10
	mostBraces = 32  // in a file
	mostDots   = 100 // in a line
)

// Read reads a file.
func Read(path string) (*File, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("described: %w", err)
	}
	f, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("described: %s: %w", path, err)
	}
	return f, nil
}

// Parse reads a file's text, and checks all that can be checked without the board.
func Parse(text []byte) (*File, error) {
	if err := bounded(string(text)); err != nil {
		return nil, err
	}
	var f File
	md, err := toml.Decode(string(text), &f)
	var syntax toml.ParseError
	if errors.As(err, &syntax) {
		return nil, fmt.Errorf("line %d, key %q: %s", syntax.Position.Line, syntax.LastKey, syntax.Message)
	}
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, key := range md.Undecoded() {
		errs = append(errs, fmt.Errorf("there is no key %q; docs/board-file.md has all", key))
	}
	return &f, errors.Join(append(errs, f.check())...)
}

// bounded refuses text that would take long to decode.
func bounded(text string) error {
	if len(text) > mostBytes {
		return fmt.Errorf("%d bytes are too many, it can have %d", len(text), mostBytes)
	}
	if n := strings.Count(text, "{"); n > mostBraces {
		return fmt.Errorf("%d braces are too many: write tables as [[rail]] and keys below it", n)
	}
	number := 0
	for line := range strings.Lines(text) {
		if number++; strings.Count(line, ".") > mostDots {
			return fmt.Errorf("line %d: more than %d dots are too many", number, mostDots)
		}
	}
	return nil
}

// complaints collects what is wrong with a part.
type complaints struct {
	part string
	errs []error
}

func (c *complaints) want(ok bool, key, format string, args ...any) {
	if !ok {
		c.errs = append(c.errs, fmt.Errorf("%s: %s: %s", c.part, key, fmt.Sprintf(format, args...)))
	}
}

// part names a part by its table, number and name.
func part(table string, i int, name string) *complaints {
	return &complaints{part: strings.TrimSpace(fmt.Sprintf("[[%s]] %d %s", table, i+1, name))}
}

func (f *File) check() error {
	top := &complaints{part: "the file"}
	top.want(f.Name != "", "name", "missing")
	top.want(len(f.Chains) > 0, "chain", "there is none: nothing would be mined")
	top.want(f.Bridge == "" || len(f.Chains) == 1, "bridge", "such a controller has one chain, there are %d", len(f.Chains))
	switch {
	case f.Unguarded != "":
		top.want(len(f.Rails)+len(f.Thermometers)+len(f.Fans) == 0, "unguarded",
			"it has rails, fans or thermometers, which would not be watched: take this key out, or them")
	default:
		top.want(len(f.Rails) > 0, "rail", "there is none: the chips' power could not be turned off (unguarded = \"why\" mines without)")
		top.want(len(f.Thermometers) > 0, "thermometer", "there is none: the board could not be guarded (unguarded = \"why\" mines without)")
	}
	errs := top.errs
	for i := range f.Chains {
		errs = append(errs, f.Chains[i].check(i, f.Unguarded != "")...)
	}
	for i := range f.Rails {
		errs = append(errs, f.Rails[i].check(i)...)
	}
	for i := range f.Fans {
		errs = append(errs, f.Fans[i].check(i)...)
	}
	for i := range f.Thermometers {
		errs = append(errs, f.Thermometers[i].check(i)...)
	}
	return errors.Join(errs...)
}

func (c *Chain) check(i int, unguarded bool) []error {
	p := part("chain", i, c.Name)
	model, err := bm13xx.ParseModel(c.Model)
	p.want(err == nil, "model", "%v", err)
	p.want(c.UART != "", "uart", "missing")
	p.want(c.Chips >= 1 && c.Chips <= 256, "chips", "%d, want 1 to 256", c.Chips)
	p.want(c.Domains >= 0 && (c.Domains == 0 || c.Chips%max(1, c.Domains) == 0), "domains", "%d do not share %d chips evenly", c.Domains, c.Chips)
	p.want(c.Baud >= 0 && c.Baud <= 12_500_000, "baud", "%d", c.Baud)
	p.want(c.Reset != nil || unguarded, "reset", "missing: the pin that holds the chips in reset")
	p.want(isLevel(c.Active), "reset-active", "%q, want low or high", c.Active)
	p.want(c.Zeros >= 0 && c.Zeros <= 32, "wired-zeros", "%d, want 1 to 32", c.Zeros)
	if err == nil {
		_, err = model.PLL(c.frequency())
		p.want(c.Clock > 0 && err == nil, "clock", "%g MHz is no clock of a %v: %v", c.Clock, model, err)
	}
	return p.errs
}

func (c *Chain) frequency() physic.Frequency { return board.MHz(c.Clock).Frequency() }

func isLevel(s string) bool { return s == "" || s == "low" || s == "high" }

// railKinds tells what a kind of rail needs.
type railNeeds struct{ bus, volts, enable, amps bool }

func railKinds() map[string]railNeeds {
	return map[string]railNeeds{
		"tps546":  {bus: true, volts: true, amps: true},
		"ds4432u": {bus: true, volts: true, enable: true}, // it cannot turn anything off
		"pic16":   {bus: true, volts: true},
		"dspic":   {bus: true},
		"apw":     {bus: true, volts: true, enable: true},
		"gpio":    {enable: true},
	}
}

func (r *Rail) check(i int) []error {
	p := part("rail", i, r.Name)
	p.want(r.Name != "", "name", "missing")
	need, ok := railKinds()[r.Kind]
	p.want(ok, "kind", "%q, want tps546, ds4432u, pic16, dspic, apw or gpio", r.Kind)
	p.want(!ok || need.bus == (r.Address != 0), "address", "%s has %#02x", r.Kind, r.Address)
	p.want(r.Address < 0x78, "address", "%#02x is not an I²C address", r.Address)
	p.want(!ok || !need.enable || r.Enable != nil && r.Active != "", "enable", "a %s needs the pin that turns it on, and enable-active = low or high", r.Kind)
	p.want(!ok || need.enable || r.Enable == nil, "enable", "a %s is turned on by I²C", r.Kind)
	p.want(isLevel(r.Active), "enable-active", "%q, want low or high", r.Active)
	if ok && need.volts {
		p.want(r.Volts > 0, "volts", "missing")
		p.want(r.Min > 0 && r.Max > 0, "min-volts, max-volts", "missing: what the chips stand")
		p.want(r.Min <= r.Max && r.Max <= mostVolts, "max-volts", "%g to %g V", r.Min, r.Max)
		p.want(r.Volts >= r.Min && r.Volts <= r.Max, "volts", "%g V is not within %g to %g V", r.Volts, r.Min, r.Max)
		p.want(r.Start == 0 || r.Start >= r.Min && r.Start <= r.Max, "start-volts", "%g V is not within %g to %g V", r.Start, r.Min, r.Max)
		p.want(r.Start == 0 || r.Step > 0 && r.Step <= mostVolts, "step-volts", "%g: how does it get from start-volts to volts?", r.Step)
	}
	if ok && !need.volts {
		p.want(r.Volts == 0 && r.Start == 0 && r.Min == 0 && r.Max == 0, "volts", "those of a %s cannot be set", r.Kind)
	}
	p.want(r.MinInput >= 0 && 0 <= r.MaxInput && r.MaxInput <= mostInput, "min-input, max-input", "%g to %g V", r.MinInput, r.MaxInput)
	p.want(r.MaxAmps >= 0 && r.MaxAmps <= mostAmps, "max-amps", "%g, want at most %d", r.MaxAmps, mostAmps)
	if ok && need.amps {
		p.want(r.MaxAmps > 0, "max-amps", "missing")
		p.want(0 < r.MinInput && r.MinInput < r.MaxInput, "min-input, max-input", "%g to %g V", r.MinInput, r.MaxInput)
	}
	p.want(r.Tolerance >= 0 && r.Tolerance <= 50, "tolerance", "%g percent, want 0 to 50", r.Tolerance)
	return p.errs
}

// More than any rail of a hash board gives, is fed with, or carries: a limit above
// it would be none.
const (
	mostVolts = 25
	mostInput = 60   // V
	mostAmps  = 1000 // A
)

func (f *Fan) check(i int) []error {
	p := part("fan", i, f.Name)
	p.want(f.Name != "", "name", "missing")
	switch f.Kind {
	case "emc2101", "emc2302", "emc2103":
		p.want(f.Address != 0 && f.Address < 0x78, "address", "%#02x is not an I²C address", f.Address)
		p.want(f.Tach == nil, "tach", "an %s counts by itself", f.Kind)
		p.want(f.Output >= 0 && f.Output <= 1, "output", "%d, want 0 or 1", f.Output)
	case "pwm":
		p.want(f.Tach != nil, "tach", "missing: the pin of the tachometer")
	default:
		p.want(false, "kind", "%q, want emc2101, emc2103, emc2302 or pwm", f.Kind)
	}
	p.want(f.MinDuty >= 10 && f.MinDuty <= 100, "min-duty", "%g percent, want 10 to 100: the least at which it surely turns", f.MinDuty)
	p.want(f.MinRPM > 0 && f.MinRPM < 30000, "min-rpm", "%g, want what it turns at min-duty at least", f.MinRPM)
	return p.errs
}

func thermometerKinds() []string {
	return []string{"tmp75", "tmp1075", "lm75a", "tmp451", "emc2101", "tps546"}
}

func (t *Thermometer) check(i int) []error {
	p := part("thermometer", i, t.Name)
	p.want(t.Name != "", "name", "missing")
	p.want(slices.Contains(thermometerKinds(), t.Kind), "kind", "%q, want one of %s", t.Kind, strings.Join(thermometerKinds(), ", "))
	p.want(t.Address != 0 && t.Address < 0x78, "address", "%#02x is not an I²C address", t.Address)
	two := t.Kind == "tmp451" || t.Kind == "emc2101"
	p.want(!two || t.Sensor == "internal" || t.Sensor == "external", "sensor", "%q, want internal or external", t.Sensor)
	p.want(two || t.Sensor == "", "sensor", "a %s has one only", t.Kind)
	p.want(t.Target > 0 && t.Throttle > 0 && t.Max > 0, "target, throttle, max", "missing: what the place stands, in °C")
	p.want(t.Target < t.Throttle && t.Throttle < t.Max && t.Max <= 125, "max",
		"target %g, throttle %g, max %g °C: want them in this order, and max at most 125", t.Target, t.Throttle, t.Max)
	return p.errs
}

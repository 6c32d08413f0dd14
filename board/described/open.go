package described

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/antminer"
	"github.com/lodefw/lode/board/linux"
	"github.com/lodefw/lode/drivers/at24c02"
	"github.com/lodefw/lode/drivers/bitaxeraw"
	"github.com/lodefw/lode/drivers/bm13xx"
	"github.com/lodefw/lode/drivers/fan"
	"github.com/lodefw/lode/hashing"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
)

// Boards lists the one kind: whatever a file says.
func Boards() []board.Kind {
	return []board.Kind{{
		Name: "file", About: "board that a TOML file describes (docs/board-file.md)", Where: "PATH.toml",
		Open: func(c board.OpenConfig) (*board.Board, io.Closer, error) { return Open(&linux.System{}, c) },
	}}
}

// Open opens the board of a file, whose path is c.Where.
func Open(sys *linux.System, c board.OpenConfig) (*board.Board, io.Closer, error) {
	f, err := Read(c.Where)
	if err != nil {
		return nil, nil, err
	}
	if f.Unguarded != "" {
		return nil, nil, fmt.Errorf("described: %s is not guarded (%s): it cannot be used as a guarded board", c.Where, f.Unguarded)
	}
	p, err := connect(sys, f)
	if err != nil {
		return nil, nil, err
	}
	b, err := New(context.Background(), f, p, Options{Clock: c.Clock, Voltage: c.Voltage, Log: c.Log})
	if err != nil {
		return nil, nil, p.Fail(err)
	}
	return b, p.Opened, nil
}

// parts are those of this computer, or of a controller that runs bitaxe-raw.
type parts struct {
	antminer.Opener
	bridge *bitaxeraw.Bridge // or nil
	buses  map[int]i2c.Bus
	pins   map[int]gpio.PinIO
}

func connect(sys *linux.System, f *File) (*parts, error) {
	p := &parts{Opener: antminer.Opener{System: sys}, buses: map[int]i2c.Bus{}, pins: map[int]gpio.PinIO{}}
	if f.Bridge == "" {
		return p, nil
	}
	port := p.Opener.Line(f.Bridge)
	if p.Err != nil {
		return nil, fmt.Errorf("described: bridge: %w", p.Err)
	}
	var err error
	if p.bridge, err = bitaxeraw.New(port, bitaxeraw.Options{}); err != nil {
		return nil, p.Fail(fmt.Errorf("described: bridge: %w", err))
	}
	return p, nil
}

// taken returns what has gone wrong, once.
func (p *parts) taken() error {
	err := p.Err
	p.Err = nil
	return err
}

// Line is part of Parts. Lines of such boards are often USB adapters: one that was
// unplugged is opened again when its chain is.
func (p *parts) Line(uart string) (bm13xx.Port, error) {
	l, err := board.NewLasting(func() (board.Line, error) { return p.System.Line(uart, antminer.StartBaud) })
	if err != nil {
		return nil, err
	}
	p.Opened = append(p.Opened, l)
	return l, nil
}

// Bus is part of Parts.
func (p *parts) Bus(number int) (i2c.Bus, error) {
	b, err := p.BareBus(number)
	if err != nil {
		return nil, err
	}
	return at24c02.Guard(b), nil
}

// BareBus is part of Parts.
func (p *parts) BareBus(number int) (i2c.Bus, error) {
	switch {
	case p.bridge != nil && number != 0:
		return nil, fmt.Errorf("described: bus %d: a bridge has bus 0 only", number)
	case p.bridge != nil:
		return p.bridge.I2C(), nil
	case p.buses[number] != nil:
		return p.buses[number], nil
	}
	b := p.Opener.Bus(number)
	if err := p.taken(); err != nil {
		return nil, err
	}
	p.buses[number] = b
	return b, nil
}

// Pin is part of Parts.
func (p *parts) Pin(number int) (gpio.PinIO, error) {
	switch {
	case p.bridge != nil && (number < 0 || number > 255):
		return nil, fmt.Errorf("described: pin %d: a bridge has pins 0 to 255", number)
	case p.bridge != nil:
		return p.bridge.Pin(uint8(number)), nil
	case p.pins[number] != nil:
		return p.pins[number], nil
	}
	pin := p.Opener.Pin(number)
	if err := p.taken(); err != nil {
		return nil, err
	}
	p.pins[number] = pin
	return pin, nil
}

// PWM is part of Parts.
func (p *parts) PWM(o fan.PWMOptions) (antminer.Duty, error) {
	if p.bridge != nil {
		return nil, errors.New("described: a bridge has no PWM")
	}
	d := p.Opener.PWM(o)
	return d, p.taken()
}

// Loose opens the chains of a file that says why nothing is guarded. They mine as
// they are, like the threads of a computer: nobody turns them off when they get hot.
func Loose(sys *linux.System, path string, o Options) ([]hashing.Hasher, float64, io.Closer, error) {
	f, err := Read(path)
	if err != nil {
		return nil, 0, nil, err
	}
	if f.Unguarded == "" {
		return nil, 0, nil, fmt.Errorf("described: %s describes a guarded board", path)
	}
	p, err := connect(sys, f)
	if err != nil {
		return nil, 0, nil, err
	}
	var list []hashing.Hasher
	rate := 0.0
	for i := range f.Chains {
		c, err := loosen(p, f, i, o)
		if err != nil {
			return nil, 0, nil, p.Fail(fmt.Errorf("described: [[chain]] %d: %w", i+1, err))
		}
		list, rate = append(list, c), rate+c.HashRate()
	}
	return list, rate, p.Opened, nil
}

// IsLoose tells whether a file says that its board is not guarded.
func IsLoose(path string) (bool, error) {
	f, err := Read(path)
	return err == nil && f.Unguarded != "", err
}

// loose is a chain that mines by itself.
type loose struct {
	name  string
	line  bm13xx.Port
	model bm13xx.Model
	opts  bm13xx.Options
}

func loosen(p Parts, f *File, i int, o Options) (*loose, error) {
	c := &f.Chains[i]
	l := &loose{name: c.name(i), opts: c.options(o)}
	var err error
	if l.model, err = bm13xx.ParseModel(c.Model); err != nil {
		return nil, err
	}
	if l.opts.WiredZeros == 0 {
		l.opts.WiredZeros = 32
	}
	if c.Reset != nil {
		drive, err := reset(p, c)
		if err != nil {
			return nil, err
		}
		l.opts.Reset = func(low bool) {
			if err := drive(low); err != nil && o.Log != nil {
				o.Log.Error("the reset line cannot be set", "chain", l.name, "err", err)
			}
		}
	}
	l.line, err = p.Line(c.UART)
	return l, err
}

// String names the chain.
func (l *loose) String() string { return l.name }

// RollBits is part of hashing.Roller.
func (l *loose) RollBits() int { return l.model.RollBits() }

// HashRate is what it should do, in hashes per second.
func (l *loose) HashRate() float64 {
	hz := float64(board.MHz(1).Frequency())
	return float64(l.opts.Frequency) / hz * 1e6 * float64(l.model.HashesPerClock()*l.opts.Chips) / float64(uint64(1)<<(32-l.opts.WiredZeros))
}

// Run is part of hashing.Hasher.
func (l *loose) Run(ctx context.Context, feed *hashing.Feed, found func(hashing.Solution)) error {
	chain, err := bm13xx.New(ctx, l.line, l.model, l.opts)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	return chain.Run(ctx, feed, found)
}

// Package apw drives the power supplies of Antminers: APW9, APW12, APW17. Their
// output is chosen by packets over I²C and turned on by a pin. [Supply.Watch] asks
// it all the time what it gives; beside it [Supply.Run] has the supply's watchdog
// fed, which turns it off when the host dies, and turns it off when it has nothing
// to say any more. REFERENCE.md beside this file says what is known of them.
package apw

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

const (
	// Rest is how long the supply must stay off before it is turned on again.
	Rest = 30 * time.Second
	// Feed is how often the watchdog is fed, which waits for about a minute.
	Feed = 10 * time.Second
	// Silence is how long Run waits for an answer to anybody. A supply that refuses
	// twice in a row is quicker.
	Silence = 37 * tick
	// tick is how often Run looks. It counts looks and no time: while the computer
	// stands still nobody is silent.
	tick = 50 * time.Millisecond
	// oldest is the greatest age of a measurement: two answers with refusals.
	oldest = 3500 * time.Millisecond
)

// ErrSilent says that the supply has not answered anybody for Silence.
var ErrSilent = errors.New("the supply does not answer")

// Options of New.
type Options struct {
	// Min and Max are the board's limits of the output. Without them none is set.
	Min, Max physic.ElectricPotential
	// Enable is the pin that turns the output on. Without it On and Off fail.
	Enable gpio.PinOut
	// ActiveLow says that Enable turns the output on when low. Boards differ.
	ActiveLow bool
	// Register is where the supply takes its packets, 11; some firmware uses 00.
	// Zero tries 11 and then 00.
	Register *uint8
	// ByteTime is the pause after each byte. Zero means 5 ms, for a bus that runs
	// faster than the supply's few hundred Hz.
	ByteTime time.Duration
}

// Supply is one power supply.
type Supply struct {
	dev      i2c.Dev
	o        Options
	register uint8
	kind     uint8
	firmware uint8
	rule     Rule
	lock     chan struct{} // one packet at a time; a channel, because it is held while waiting

	mu       sync.Mutex
	offAt    time.Time
	on       bool
	answers  uint64 // all that were good
	measured reading
	fed      time.Time // the watchdog
	feeding  bool      // while Run runs
}

// reading is the last measurement.
type reading struct {
	v   physic.ElectricPotential
	err error
	at  time.Time
}

// New looks for the supply at addr (0x10), turns its output off if there is a pin
// for it, and asks for its type, which decides how volts are told. A type that is
// not known is an error: its scale would be a guess.
func New(ctx context.Context, bus i2c.Bus, addr uint16, o Options) (*Supply, error) {
	if o.ByteTime == 0 {
		o.ByteTime = 5 * time.Millisecond
	}
	s := &Supply{dev: i2c.Dev{Bus: bus, Addr: addr}, o: o, lock: make(chan struct{}, 1)}
	if o.Enable != nil {
		if err := s.Off(); err != nil {
			return nil, err
		}
	}
	if err := s.probe(ctx); err != nil {
		return nil, fmt.Errorf("apw: no supply at address %#02x: %w", addr, err)
	}
	return s, nil
}

func (s *Supply) probe(ctx context.Context) error {
	registers := []uint8{0x11, 0x00}
	if s.o.Register != nil {
		registers = []uint8{*s.o.Register}
	}
	var kind uint16
	var err error
	for _, s.register = range registers {
		if kind, err = s.do(ctx, cmdType); err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	firmware, err := s.do(ctx, cmdFirmware)
	if err != nil {
		return err
	}
	s.kind, s.firmware = uint8(kind), uint8(firmware)
	rule, ok := RuleOf(s.kind, s.firmware)
	if !ok {
		return fmt.Errorf("its type is %#02x, which is not known; its voltages would be a guess", s.kind)
	}
	s.rule = rule
	return nil
}

// String names the supply by its type and firmware.
func (s *Supply) String() string {
	return fmt.Sprintf("APW type %02x firmware %02x", s.kind, s.firmware)
}

// SetVoltage chooses the output, on or off, and reads it back. The supply settles
// within half a second. More than the supply can give is set to its most.
func (s *Supply) SetVoltage(ctx context.Context, v physic.ElectricPotential) error {
	if v < s.o.Min || v > s.o.Max || v <= 0 {
		return fmt.Errorf("apw: %v is outside the board's limits %v to %v", v, s.o.Min, s.o.Max)
	}
	if err := s.rule.check(v); err != nil {
		return fmt.Errorf("apw: %w", err)
	}
	dac := s.rule.DAC(v)
	echo, err := s.do(ctx, cmdSetVoltage, dac, 0)
	if err == nil && echo != uint16(dac) {
		err = fmt.Errorf("sent %#02x, echoed %#02x", dac, echo)
	}
	if err != nil {
		return fmt.Errorf("apw: set voltage: %w", err)
	}
	got, err := s.do(ctx, cmdGetDAC)
	if err == nil && got != uint16(dac) {
		err = fmt.Errorf("set %#02x, it says %#02x; the voltage is not known, turn the supply off", dac, got)
	}
	if err != nil {
		return fmt.Errorf("apw: set voltage: %w", err)
	}
	return nil
}

// Voltage is what the supply was set to. It is not measured.
func (s *Supply) Voltage(ctx context.Context) (physic.ElectricPotential, error) {
	dac, err := s.do(ctx, cmdGetDAC)
	if err != nil {
		return 0, fmt.Errorf("apw: voltage: %w", err)
	}
	return s.rule.Voltage(uint8(dac)), nil
}

// Measure is the supply's own measurement of its output.
func (s *Supply) Measure(ctx context.Context) (physic.ElectricPotential, error) {
	raw, err := s.do(ctx, cmdMeasure)
	if err != nil {
		return 0, fmt.Errorf("apw: measure: %w", err)
	}
	return measured(raw), nil
}

// State says whether the supply thinks that its output is on.
func (s *Supply) State(ctx context.Context) (on bool, err error) {
	v, err := s.do(ctx, cmdState)
	if err != nil {
		return false, fmt.Errorf("apw: state: %w", err)
	}
	return v != 0, nil
}

// On turns the output on. It waits until the supply has been off for Rest: after
// New, which does not know how long it was off, too.
func (s *Supply) On(ctx context.Context) error {
	s.mu.Lock()
	on, wait := s.on, Rest-time.Since(s.offAt)
	s.mu.Unlock()
	if on {
		return nil
	}
	if s.o.Enable == nil {
		return errors.New("apw: no enable pin is configured: name the board's in its configuration")
	}
	if err := sleep(ctx, wait); err != nil {
		return fmt.Errorf("apw: turn on: %w", err)
	}
	return s.enable(true)
}

// Off turns the output off at once.
func (s *Supply) Off() error {
	if s.o.Enable == nil {
		return errors.New("apw: no enable pin is configured: name the board's in its configuration")
	}
	return s.enable(false)
}

func (s *Supply) enable(on bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.o.Enable.Out(gpio.Level(on != s.o.ActiveLow)); err != nil {
		return fmt.Errorf("apw: enable pin: %w", err)
	}
	if s.on || s.offAt.IsZero() {
		s.offAt = time.Now()
	}
	s.on = on
	return nil
}

// Watch measures the output again and again, and feeds the watchdog while Run wants
// it, until ctx ends. It leaves the supply its rest between answers.
func (s *Supply) Watch(ctx context.Context) error {
	for ctx.Err() == nil {
		v, err := s.Measure(ctx)
		if ctx.Err() == nil {
			s.note(reading{v, err, time.Now()})
		}
		if s.hungry() {
			err = s.feed(ctx)
		}
		if err != nil && sleep(ctx, restTime) != nil { // a bus may refuse at once
			return nil
		}
	}
	return nil
}

func (s *Supply) note(r reading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.measured = r
}

// Last is what Watch has measured last.
func (s *Supply) Last() (physic.ElectricPotential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch age := time.Since(s.measured.at); {
	case s.measured.at.IsZero():
		return 0, errors.New("apw: not measured yet")
	case age > oldest:
		return 0, fmt.Errorf("apw: measured last %v ago", age.Round(time.Millisecond))
	}
	return s.measured.v, s.measured.err
}

// hungry tells whether the watchdog has to be fed.
func (s *Supply) hungry() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.feeding && time.Since(s.fed) >= Feed
}

func (s *Supply) feed(ctx context.Context) error {
	if _, err := s.do(ctx, cmdWatchdog, 1, 0); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fed = time.Now()
	return nil
}

// Run has the supply's watchdog fed by Watch, which must run beside it, until ctx
// ends or the supply stops answering; then it turns the output off. The watchdog
// stays armed, for the case that even the pin has no effect.
func (s *Supply) Run(ctx context.Context) error {
	s.mu.Lock()
	s.feeding, s.fed = true, time.Time{}
	s.mu.Unlock()
	err := s.listen(ctx)
	s.mu.Lock()
	s.feeding = false
	s.mu.Unlock()
	if s.o.Enable != nil {
		err = errors.Join(err, s.Off())
	}
	return err
}

func (s *Supply) answered() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answers
}

// listen returns when the supply has said nothing for Silence.
func (s *Supply) listen(ctx context.Context) error {
	every := time.NewTicker(tick)
	defer every.Stop()
	var last uint64
	for quiet := time.Duration(0); quiet < Silence; {
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
		quiet += tick
		if now := s.answered(); now != last {
			last, quiet = now, 0
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.measured.err != nil {
		return fmt.Errorf("apw: %w for %v: %w", ErrSilent, Silence, s.measured.err)
	}
	return fmt.Errorf("apw: %w for %v", ErrSilent, Silence)
}

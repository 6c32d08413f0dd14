package antminer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/drivers/apw"
	"github.com/lodefw/lode/drivers/dspic"
	"github.com/lodefw/lode/drivers/fan"
	"github.com/lodefw/lode/drivers/pic16"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// Limits of one call. A supply takes 0.6 s for an answer, 1.2 s with a refusal, and
// answers one at a time: setting its voltage are two answers, with the meter's and
// the watchdog's in between. The guard waits for a call that is under way before it
// turns off, while the chips are in reset already.
const (
	setPatience        = 4500 * time.Millisecond
	controllerPatience = 900 * time.Millisecond
	controllerSettle   = 500 * time.Millisecond // guess
)

func call(d time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return f(ctx)
}

// supply is an apw.Supply as a rail's driver. On does not wait for the rest: that
// is Board.Rest, and the call's limit refuses what comes before it.
type supply struct{ s *apw.Supply }

func (d supply) SetVoltage(v physic.ElectricPotential) error {
	return call(setPatience, func(ctx context.Context) error { return d.s.SetVoltage(ctx, v) })
}

func (d supply) On() error { return call(controllerPatience, d.s.On) }

func (d supply) Off() error { return d.s.Off() }

// Supply makes a supply the driver of a rail, and returns what must go on for it:
// its watchdog, and its meter. The board's Rest must be longer than apw.Rest.
func Supply(s *apw.Supply, r *board.Rail) []*board.Keeper {
	r.Driver = supply{s}
	r.Measure = func() (board.Power, error) {
		v, err := s.Last()
		return board.Power{Output: board.InVolts(v)}, err
	}
	return []*board.Keeper{
		{Name: r.Name, Chain: r.Chain, Run: s.Run},
		{Name: r.Name + " meter", Chain: r.Chain, Always: true, Run: s.Watch},
	}
}

// controller is a dspic.Controller as a rail's driver. Its voltage is the supply's.
type controller struct{ c *dspic.Controller }

func (d controller) SetVoltage(physic.ElectricPotential) error { return nil }
func (d controller) On() error                                 { return call(controllerPatience, d.c.Enable) }
func (d controller) Off() error                                { return call(controllerPatience, d.c.Disable) }

// Controller makes a voltage controller the driver of a rail, and returns its
// heartbeat. What the controller measures nobody knows how to read (its
// REFERENCE.md): the rail shows nothing, and its loss is the heartbeat's.
func Controller(c *dspic.Controller, r *board.Rail) *board.Keeper {
	r.Driver, r.Measure = controller{c}, func() (board.Power, error) { return board.Power{}, nil }
	return &board.Keeper{Name: r.Name, Chain: r.Chain, Run: c.Run}
}

// Duty is the speed input of fans; fan.PWM is one.
type Duty interface{ SetDuty(gpio.Duty) error }

// driver is a fan with its own tachometer, at inputs that others hang on, too.
type driver struct {
	inputs []Duty
	*fan.Tach
}

// SetDuty sets all inputs: which of them is this fan's is not known.
func (d driver) SetDuty(duty gpio.Duty) (err error) {
	for _, in := range d.inputs {
		err = errors.Join(err, in.SetDuty(duty))
	}
	return err
}

// Fans returns a fan for each tachometer, all of which get the same duty, and what
// counts their turns.
func Fans(inputs []Duty, tachs []gpio.PinIn, minDuty, minRPM float64) (fans []*board.Fan, keepers []*board.Keeper, err error) {
	for i, pin := range tachs {
		name := fmt.Sprintf("fan %d", i+1)
		tach, terr := fan.NewTach(pin, fan.TachOptions{})
		if terr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", name, terr))
			continue
		}
		fans = append(fans, &board.Fan{Name: name, Driver: driver{inputs, tach}, MinDuty: minDuty, MinRPM: minRPM})
		keepers = append(keepers, &board.Keeper{Name: name + " tachometer", Always: true, Run: tach.Run})
	}
	return fans, keepers, err
}

// pic is a pic16.Controller as a rail's driver.
type pic struct{ c *pic16.Controller }

func (d pic) SetVoltage(v physic.ElectricPotential) error {
	return call(picPatience, func(ctx context.Context) error { return d.c.SetVoltage(ctx, v) })
}
func (d pic) On() error  { return call(controllerPatience, d.c.Enable) }
func (d pic) Off() error { return call(controllerPatience, d.c.Disable) }

// picPatience bounds setting a voltage, which is read back.
const picPatience = 1500 * time.Millisecond

// PIC16 makes an S9's voltage controller the driver of a rail, and returns its
// heartbeat. It cannot measure: like with Controller, its loss is the heartbeat's.
func PIC16(c *pic16.Controller, r *board.Rail) *board.Keeper {
	r.Driver, r.Measure = pic{c}, func() (board.Power, error) { return board.Power{}, nil }
	return &board.Keeper{Name: r.Name, Chain: r.Chain, Run: c.Run}
}

package bitfury

import (
	"fmt"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/pin"
)

// Lines are the bus's own wires as plain outputs: toggling the data line while
// the clock is held high resets the links of the whole chain.
type Lines struct {
	Clock, Data gpio.PinOut
}

const toggles = 16 // half of what programs use at most

// Reset resets the links, and gives the wires back to the bus if the pins tell
// their function.
func (l Lines) Reset() (err error) {
	for _, p := range []gpio.PinOut{l.Clock, l.Data} {
		if f, ok := p.(pin.PinFunc); ok {
			was := f.Func()
			defer func() {
				if e := f.SetFunc(was); e != nil && err == nil {
					err = fmt.Errorf("bitfury: %v: cannot give the pin back to the bus: %w", p, e)
				}
			}()
		}
	}
	if err := l.Clock.Out(gpio.High); err != nil {
		return fmt.Errorf("bitfury: %v: %w", l.Clock, err)
	}
	for i := range 2 * toggles {
		if err := l.Data.Out(i%2 == 0); err != nil {
			return fmt.Errorf("bitfury: %v: %w", l.Data, err)
		}
	}
	if err := l.Clock.Out(gpio.Low); err != nil {
		return fmt.Errorf("bitfury: %v: %w", l.Clock, err)
	}
	return nil
}

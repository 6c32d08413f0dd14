// Package pic16 drives the PIC16F1704 voltage controller of Antminer S9 hash
// boards. Its rail drops when the heartbeat stops: [Controller.Run] is that
// heartbeat. REFERENCE.md beside this file says what is known of it.
package pic16

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// Commands, each after 55 AA (boards' firmware; Braiins power.rs).
const (
	cmdJump       = 0x06 // from the loader to the application
	cmdReset      = 0x07
	cmdSetVoltage = 0x10
	cmdEnable     = 0x15
	cmdHeartbeat  = 0x16
	cmdVersion    = 0x17
	cmdGetVoltage = 0x18
)

// Times of the controller (Braiins power.rs).
const (
	tries      = 10 // vendor firmware: 15
	retryPause = 100 * time.Millisecond
	resetPause = 500 * time.Millisecond
	workPause  = 100 * time.Millisecond
	// Beat is how often Run sends the heartbeat. Vendor firmware does every second;
	// twice as often finds a dead controller, retries included, within 1.5 s.
	Beat = 500 * time.Millisecond
	// patience is how long Run tries to turn the rail off.
	patience = 5 * time.Second
)

// Address is where the controller of a hash board sits: 0x55 to 0x57 for the
// chains 6 to 8 (connectors J6 to J8).
func Address(chain int) uint16 { return 0x50 + uint16(chain) - 1 }

// Options of New.
type Options struct {
	// Min and Max are the board's limits of the voltage. Without them none is set.
	Min, Max physic.ElectricPotential
	// Versions are the firmware versions to accept; nil means 03 only.
	Versions []uint8
}

// Controller is one voltage controller.
type Controller struct {
	dev  i2c.Dev
	o    Options
	lock chan struct{} // one frame at a time; a channel, because it is held while waiting
	rest []byte        // of a frame that broke off
}

// New resets the controller at addr, which turns its rail off, starts its
// application and checks its version. It takes 0.6 s.
func New(ctx context.Context, bus i2c.Bus, addr uint16, o Options) (*Controller, error) {
	if o.Versions == nil {
		o.Versions = []uint8{0x03}
	}
	c := &Controller{dev: i2c.Dev{Bus: bus, Addr: addr}, o: o, lock: make(chan struct{}, 1)}
	if err := c.start(ctx); err != nil {
		return nil, fmt.Errorf("pic16: no voltage controller at address %#02x: %w", addr, err)
	}
	return c, nil
}

func (c *Controller) start(ctx context.Context) error {
	if err := c.do(ctx, cmdReset, nil, nil); err != nil {
		return err
	}
	if err := sleep(ctx, resetPause); err != nil {
		return err
	}
	if err := c.do(ctx, cmdJump, nil, nil); err != nil {
		return err
	}
	if err := sleep(ctx, workPause); err != nil {
		return err
	}
	var version [1]byte
	if err := c.do(ctx, cmdVersion, nil, version[:]); err != nil {
		return err
	}
	if !slices.Contains(c.o.Versions, version[0]) {
		return fmt.Errorf("its version is %#02x, want one of % x; is the hash board an S9's, and its firmware whole?", version[0], c.o.Versions)
	}
	return nil
}

// String names the controller and its address.
func (c *Controller) String() string { return fmt.Sprintf("PIC16 at %#02x", c.dev.Addr) }

// SetVoltage chooses the rail's voltage, up or not, and reads it back.
func (c *Controller) SetVoltage(ctx context.Context, v physic.ElectricPotential) error {
	if v < c.o.Min || v > c.o.Max || v <= 0 {
		return fmt.Errorf("pic16: %v is outside the board's limits %v to %v", v, c.o.Min, c.o.Max)
	}
	code, err := code(v)
	if err != nil {
		return fmt.Errorf("pic16: %w", err)
	}
	if err := c.do(ctx, cmdSetVoltage, []byte{code}, nil); err != nil {
		return fmt.Errorf("pic16: set voltage: %w", err)
	}
	if err := sleep(ctx, workPause); err != nil {
		return err
	}
	var got [1]byte
	err = c.do(ctx, cmdGetVoltage, nil, got[:])
	if err == nil && got[0] != code {
		err = fmt.Errorf("wrote %d, read back %d; the voltage is not known, turn the rail off", code, got[0])
	}
	if err != nil {
		return fmt.Errorf("pic16: set voltage: %w", err)
	}
	return nil
}

// Voltage is what the controller was set to. It is not measured.
func (c *Controller) Voltage(ctx context.Context) (physic.ElectricPotential, error) {
	var got [1]byte
	if err := c.do(ctx, cmdGetVoltage, nil, got[:]); err != nil {
		return 0, fmt.Errorf("pic16: voltage: %w", err)
	}
	return voltage(got[0]), nil
}

// Enable turns the rail on. Run must be running, or the rail drops again.
func (c *Controller) Enable(ctx context.Context) error { return c.enable(ctx, 1) }

// Disable turns the rail off.
func (c *Controller) Disable(ctx context.Context) error { return c.enable(ctx, 0) }

func (c *Controller) enable(ctx context.Context, on byte) error {
	if err := c.do(ctx, cmdEnable, []byte{on}, nil); err != nil {
		return fmt.Errorf("pic16: enable(%d): %w", on, err)
	}
	return nil
}

// Run sends the heartbeat until ctx ends, and then turns the rail off. That the
// controller stops answering it says at once, so that who runs it can do more than
// to tell the controller; which turns its rail off by itself for want of heartbeats.
func (c *Controller) Run(ctx context.Context) error {
	if err := c.beat(ctx); err != nil {
		return err
	}
	off, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return c.Disable(off)
}

func (c *Controller) beat(ctx context.Context) error {
	for sleep(ctx, Beat) == nil {
		if err := c.do(ctx, cmdHeartbeat, nil, nil); err != nil && ctx.Err() == nil {
			return fmt.Errorf("pic16: %v does not answer its heartbeat: %w", c, err)
		}
	}
	return nil
}

// code is the controller's value for a voltage, from vendor firmware. Higher
// values are lower voltages.
func code(v physic.ElectricPotential) (uint8, error) {
	n := math.Round(1608.420446 - 170.423497*float64(v)/float64(physic.Volt))
	if n < 0 || n > 255 {
		return 0, fmt.Errorf("%v is outside the controller's range %v to %v", v, voltage(255), voltage(0))
	}
	return uint8(n), nil
}

func voltage(code uint8) physic.ElectricPotential {
	return physic.ElectricPotential((1608.420446 - float64(code)) / 170.423497 * float64(physic.Volt))
}

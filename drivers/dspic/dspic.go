// Package dspic drives the dsPIC33 voltage controller of Antminer hash boards
// from T9+ to S19. Its rail drops when the heartbeat stops: [Controller.Run] is
// that heartbeat. REFERENCE.md beside this file says what is known of it.
package dspic

import (
	"context"
	"fmt"
	"slices"
	"time"

	"periph.io/x/conn/v3/i2c"
)

// Commands (bmminer driver-btm-c5.c).
const (
	cmdJump       = 0x06 // from the loader to the application
	cmdReset      = 0x07
	cmdSetVoltage = 0x10
	cmdEnable     = 0x15
	cmdHeartbeat  = 0x16
	cmdVersion    = 0x17
)

const (
	startPause = 500 * time.Millisecond
	// Beat is how often Run sends the heartbeat. Vendor firmware does every second;
	// twice as often finds a dead controller, retries included, within 1.5 s.
	Beat = 500 * time.Millisecond
	// patience is how long Run tries to turn the rail off.
	patience = 5 * time.Second
)

// Options of New.
type Options struct {
	// Versions are the firmware versions to accept; nil means 82, 86, 89 and 8A.
	Versions []uint8
	// MinPotentiometer and MaxPotentiometer are the board's limits for
	// SetPotentiometer. Without them none is set.
	MinPotentiometer, MaxPotentiometer uint8
}

// Controller is one voltage controller.
type Controller struct {
	dev     i2c.Dev
	o       Options
	version byte
	lock    chan struct{} // one command at a time; a channel, because it is held while waiting
}

// New resets the controller at addr (0x20 to 0x22), which turns its rail off,
// starts its application and checks its version. It takes a second.
func New(ctx context.Context, bus i2c.Bus, addr uint16, o Options) (*Controller, error) {
	if o.Versions == nil {
		o.Versions = []uint8{0x82, 0x86, 0x89, 0x8a}
	}
	c := &Controller{dev: i2c.Dev{Bus: bus, Addr: addr}, o: o, lock: make(chan struct{}, 1)}
	if err := c.start(ctx); err != nil {
		return nil, fmt.Errorf("dspic: no voltage controller at address %#02x: %w", addr, err)
	}
	return c, nil
}

// start does not look at the answers to reset and jump, which differ by loader:
// the version tells whether both worked.
func (c *Controller) start(ctx context.Context) error {
	any := func([]byte) error { return nil }
	for _, cmd := range []byte{cmdReset, cmdJump} {
		if err := c.do(ctx, cmd, nil, 0, any); err != nil {
			return err
		}
		if err := sleep(ctx, startPause); err != nil {
			return err
		}
	}
	if err := c.drain(); err != nil {
		return err
	}
	return c.do(ctx, cmdVersion, nil, 5, c.takeVersion)
}

// drain reads the answer to jump away.
func (c *Controller) drain() error {
	var b [1]byte
	for range 2 {
		if err := c.dev.Tx(nil, b[:]); err != nil {
			return err
		}
	}
	return nil
}

func (c *Controller) takeVersion(answer []byte) (err error) {
	if c.version, err = parseVersion(answer); err != nil {
		return err
	}
	if !slices.Contains(c.o.Versions, c.version) {
		return fmt.Errorf("its version is %#02x, want one of % x; is it another hash board?", c.version, c.o.Versions)
	}
	return nil
}

// String names the controller and its address.
func (c *Controller) String() string { return fmt.Sprintf("dsPIC at %#02x", c.dev.Addr) }

// Version is the controller's firmware.
func (c *Controller) Version() uint8 { return c.version }

// SetPotentiometer chooses the rail's voltage by the controller's own scale, 0
// to 127, for all three of its converters (T9+). What it means in volts depends
// on the board. Boards from S19 on set their voltage at the supply instead.
func (c *Controller) SetPotentiometer(ctx context.Context, v uint8) error {
	if v < c.o.MinPotentiometer || v > c.o.MaxPotentiometer || v > 127 {
		return fmt.Errorf("dspic: %d is outside the board's limits %d to %d", v, c.o.MinPotentiometer, c.o.MaxPotentiometer)
	}
	if err := c.do(ctx, cmdSetVoltage, []byte{v, 0, 0}, 2, echo(cmdSetVoltage, 1)); err != nil {
		return fmt.Errorf("dspic: set potentiometer: %w", err)
	}
	return nil
}

// Enable turns the rail on. Run must be running, or the rail drops again.
func (c *Controller) Enable(ctx context.Context) error {
	if err := c.do(ctx, cmdEnable, []byte{1}, 2, echo(cmdEnable, 1)); err != nil {
		return fmt.Errorf("dspic: enable: %w", err)
	}
	return nil
}

// Disable turns the rail off.
func (c *Controller) Disable(ctx context.Context) error {
	if err := c.do(ctx, cmdEnable, []byte{0}, 2, disabled); err != nil {
		return fmt.Errorf("dspic: disable: %w", err)
	}
	return nil
}

// disabled takes either status: captures have 15 00, vendor firmware waits for
// 15 01 whatever it asked for.
func disabled(b []byte) error {
	if echo(cmdEnable, 0)(b) == nil {
		return nil
	}
	return echo(cmdEnable, 1)(b)
}

// Heartbeat tells the controller that the host lives.
func (c *Controller) Heartbeat(ctx context.Context) error {
	if err := c.do(ctx, cmdHeartbeat, nil, 6, alive); err != nil {
		return fmt.Errorf("dspic: heartbeat: %w", err)
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
		if err := c.Heartbeat(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("dspic: %v does not answer its heartbeat: %w", c, err)
		}
	}
	return nil
}

package main

import (
	"log/slog"

	"github.com/lodefw/lode/device"
)

// controls are what a person may do to a device that runs. One goroutine has them.
type controls struct {
	dev    *device.Device
	log    *slog.Logger
	paused bool
}

func (c *controls) toggle() {
	c.paused = !c.paused
	c.log.Info("by hand", "paused", c.paused)
	if c.paused {
		c.dev.Pause()
	} else {
		c.dev.Resume()
	}
}

func (c *controls) clear() {
	c.log.Info("by hand: the board's fault is cleared")
	c.dev.Clear()
}

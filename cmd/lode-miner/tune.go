package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/device"
	"github.com/lodefw/lode/device/tuning"
	"github.com/lodefw/lode/internal/cli"
)

// tuning sets the clock and voltage that a board begins with, and says what it is
// to be tuned for; nil: nothing.
func (c *config) tuning(b *board.Board) (*device.Tuning, error) {
	switch {
	case b == nil && c.Tune == "" && c.Clock == "" && c.Volts == "": // a profile waits for a board
		return nil, nil
	case b == nil:
		return nil, cli.Failf(cli.Config, "-tune, -clock and -volts are for boards of chips: name one with -board; a computer's processor decides its clock itself")
	}
	if c.Clock != "" {
		mhz, err := number(c.Clock, "MHz")
		if err == nil {
			err = b.SetClock(board.MHz(mhz))
		}
		if err != nil {
			return nil, cli.Failf(cli.Config, "-clock %s: %w", c.Clock, err)
		}
	}
	if c.Volts != "" {
		volts, err := number(c.Volts, "V")
		if err == nil {
			err = b.SetVolts(board.Volts(volts))
		}
		if err != nil {
			return nil, cli.Failf(cli.Config, "-volts %s: %w", c.Volts, err)
		}
	}
	if c.Tune == "" && c.Profile == "" {
		return nil, nil
	}
	target, err := tuning.ParseTarget(c.Tune)
	if err != nil {
		return nil, cli.Failf(cli.Config, "-tune: %w", err)
	}
	return &device.Tuning{Target: target, Profile: c.Profile}, nil
}

// number reads a number with an optional unit.
func number(text, unit string) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(text, unit)), 64)
	if err != nil {
		return 0, fmt.Errorf("want a number of %s", unit)
	}
	return v, nil
}

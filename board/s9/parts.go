package s9

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/drivers/pic16"
	"github.com/lodefw/lode/drivers/tmp451"
	"periph.io/x/conn/v3/physic"
)

// controller is a pic16.Controller as a rail's driver.
type controller struct{ c *pic16.Controller }

func call(f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), railLimit)
	defer cancel()
	return f(ctx)
}

func (d controller) SetVoltage(v physic.ElectricPotential) error {
	return call(func(ctx context.Context) error { return d.c.SetVoltage(ctx, v) })
}

func (d controller) On() error  { return call(d.c.Enable) }
func (d controller) Off() error { return call(d.c.Disable) }

// unmeasured: a PIC tells what it was set to, and measures nothing. Its loss is its
// heartbeat's.
func unmeasured() (board.Power, error) { return board.Power{}, nil }

const (
	// probeEvery is how often the chips' thermometer is asked: as often as the guard
	// looks, which wants three readings in a row before it believes that it is gone.
	// bosminer asks every 5 s.
	probeEvery = 300 * time.Millisecond
	probeLimit = time.Second
	// probeOld is how old a measurement can be and still count: it may have waited
	// while all chips were asked for something.
	probeOld = 900 * time.Millisecond
)

// addresses that thermometers have on hash boards.
func addresses() []uint16 { return []uint16{0x98 >> 1, 0x9a >> 1, 0x9c >> 1} }

// probe measures the thermometer behind a chip, as long as the chain hashes.
type probe struct {
	chain  *board.BM13xx
	chip   int
	sensor *tmp451.Sensor // nil: to be looked for

	mu   sync.Mutex
	last physic.Temperature
	err  error
	at   time.Time
}

// Run measures until ctx ends.
func (p *probe) Run(ctx context.Context) error {
	every := time.NewTicker(probeEvery)
	defer every.Stop()
	for {
		t, err := p.measure(ctx)
		p.mu.Lock()
		p.last, p.err, p.at = t, err, time.Now()
		p.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
	}
}

// measure asks the chip's diode. Hash boards whose sensor has none show their own
// temperature, which is 15 K less than the chip's (bosminer, monitor.rs).
func (p *probe) measure(ctx context.Context) (t physic.Temperature, err error) {
	if err = p.find(ctx); err != nil {
		return 0, err
	}
	if t, err = p.sensor.Remote(); errors.Is(err, tmp451.ErrOpen) {
		t, err = p.sensor.Local()
		t += 15 * physic.Kelvin
	}
	if err != nil {
		p.sensor = nil // the chain may be another next time
	}
	return t, err
}

// find looks for the sensor, unless it is known.
func (p *probe) find(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	bus, err := p.chain.ChipBus(ctx, p.chip)
	if err != nil {
		p.sensor = nil
		return err
	}
	if p.sensor != nil {
		return nil
	}
	for _, addr := range addresses() {
		s, serr := tmp451.New(bus, addr, tmp451.Options{})
		if serr == nil {
			p.sensor = s
			return nil
		}
		err = errors.Join(err, serr)
	}
	return err
}

// read is the last measurement.
func (p *probe) read() (physic.Temperature, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch age := time.Since(p.at); {
	case p.at.IsZero():
		return 0, board.ErrNotHashing
	case p.err == nil && age > probeOld:
		return 0, fmt.Errorf("s9: measured last %v ago", age.Round(time.Millisecond))
	}
	return p.last, p.err
}

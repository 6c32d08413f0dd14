package dspic

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/internal/captures"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
)

// vector is one of dspic-frames: a command, its answer, or both.
type vector struct {
	Tx, Rx  captures.Hex
	Meaning string
}

func TestCaptures(t *testing.T) {
	captures.Each(t, "dspic-frames", func(t *testing.T, v vector) {
		if v.Tx != nil {
			if len(v.Tx) < 6 {
				t.Fatalf("% x is no command", v.Tx)
			}
			if got := appendFrame(nil, v.Tx[3], v.Tx[4:len(v.Tx)-2]...); !bytes.Equal(got, v.Tx) {
				t.Errorf("%s: % x, want % x", v.Meaning, got, []byte(v.Tx))
			}
		}
		switch {
		case len(v.Rx) == 5:
			if got, err := parseVersion(v.Rx); err != nil || got != v.Rx[2] || !strings.Contains(v.Meaning, "version") {
				t.Errorf("%s: version %#02x, %v", v.Meaning, got, err)
			}
		case len(v.Rx) == 2 && v.Tx[3] == cmdEnable && v.Tx[4] == 0:
			if err := disabled(v.Rx); err != nil {
				t.Errorf("%s: %v", v.Meaning, err)
			}
		case len(v.Rx) == 2:
			if err := echo(v.Tx[3], 1)(v.Rx); err != nil {
				t.Errorf("%s: %v", v.Meaning, err)
			}
		}
	})
}

func TestAnswers(t *testing.T) {
	for _, bad := range []string{"", "\x05", "\x05\x17\x82\x00", "\x05\x17\x82\x00\x9f", "\x05\x16\x82\x00\x9d", "\xff\xff\xff\xff\xff", "\x00\x00\x00\x00\x00", "\x05\x17\x82\x00\x9e\x00"} {
		if v, err := parseVersion([]byte(bad)); !errors.Is(err, ErrAnswer) {
			t.Errorf("parseVersion(% x) = %#02x, %v", bad, v, err)
		}
	}
	for _, bad := range []string{"\x15\x02", "\x16\x01", "\xff\xff", "\x15", ""} {
		if disabled([]byte(bad)) == nil || echo(cmdEnable, 1)([]byte(bad)) == nil {
			t.Errorf("% x was taken", bad)
		}
	}
	if alive([]byte("\x06\x16\x00\x00\x00\x00")) == nil || alive([]byte("\x06\x16\x01")) == nil {
		t.Error("a bad heartbeat answer was taken")
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte("\x05\x17\x82\x00\x9e"))
	f.Add([]byte("\x15\x01"))
	f.Add([]byte("\x06\x16\x01\x00\x00\x1d"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := parseVersion(b); err == nil && (len(b) != 5 || b[2] != v) {
			t.Errorf("parseVersion(% x) = %#02x", b, v)
		}
		if alive(b) == nil && len(b) != 6 {
			t.Errorf("% x was taken as a heartbeat's answer", b)
		}
		if disabled(b) == nil && len(b) != 2 {
			t.Errorf("% x was taken as an answer to disable", b)
		}
	})
}

func bench(t *testing.T, f func(t *testing.T, c *Controller, chip *i2csim.DSPIC, bus *i2csim.Bus)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		chip, bus := &i2csim.DSPIC{}, i2csim.New()
		bus.Add(0x20, chip)
		c, err := New(t.Context(), bus, 0x20, Options{MinPotentiometer: 20, MaxPotentiometer: 100})
		if err != nil {
			t.Fatal(err)
		}
		f(t, c, chip, bus)
	})
}

func TestController(t *testing.T) {
	bench(t, func(t *testing.T, c *Controller, chip *i2csim.DSPIC, _ *i2csim.Bus) {
		ctx, cancel := context.WithCancel(t.Context())
		if c.Version() != 0x89 || c.String() != "dsPIC at 0x20" || chip.Enabled() {
			t.Errorf("%v version %#02x, enabled %v", c, c.Version(), chip.Enabled())
		}
		if err := c.SetPotentiometer(ctx, 64); err != nil || chip.Potentiometer() != [3]byte{64} {
			t.Errorf("SetPotentiometer = %v, %v", err, chip.Potentiometer())
		}
		for _, v := range []uint8{0, 19, 101, 127, 255} {
			if err := c.SetPotentiometer(ctx, v); err == nil || chip.Potentiometer() != [3]byte{64} {
				t.Errorf("SetPotentiometer(%d) = %v, chip has %v", v, err, chip.Potentiometer())
			}
		}
		done := make(chan error)
		go func() { done <- c.Run(ctx) }()
		if err := c.Enable(ctx); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if !chip.Enabled() {
			t.Error("the rail dropped although Run runs")
		}
		cancel()
		if err := <-done; err != nil || chip.Enabled() {
			t.Errorf("Run = %v, rail up: %v", err, chip.Enabled())
		}
	})
}

func TestSilence(t *testing.T) {
	bench(t, func(t *testing.T, c *Controller, chip *i2csim.DSPIC, _ *i2csim.Bus) {
		if err := c.Enable(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Second)
		if chip.Enabled() {
			t.Error("the rail is up 11 s after the last word")
		}
	})
}

func TestFaults(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault func(*i2csim.DSPIC, *i2csim.Bus)
		dead  bool
	}{
		{"a glitch", func(_ *i2csim.DSPIC, b *i2csim.Bus) { b.SetFault(0x20, i2csim.Fault{GlitchEvery: 20}) }, false},
		{"answers 180 ms late", func(c *i2csim.DSPIC, b *i2csim.Bus) { b.Do(func() { c.Late = 180 * time.Millisecond }) }, false},
		{"two bytes without acknowledge", func(_ *i2csim.DSPIC, b *i2csim.Bus) { b.SetFault(0x20, i2csim.Fault{NAK: 2}) }, false},
		{"gone", func(_ *i2csim.DSPIC, b *i2csim.Bus) { b.SetFault(0x20, i2csim.Fault{NAK: -1}) }, true},
		{"unplugged from an adapter that acknowledges", func(_ *i2csim.DSPIC, b *i2csim.Bus) {
			b.Do(func() { b.AckAll, b.Fill = true, 0xff })
			b.SetFault(0x20, i2csim.Fault{NAK: -1})
		}, true},
		{"answers a second late", func(c *i2csim.DSPIC, b *i2csim.Bus) { b.Do(func() { c.Late = time.Second }) }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			bench(t, func(t *testing.T, c *Controller, chip *i2csim.DSPIC, bus *i2csim.Bus) {
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- c.beat(ctx) }()
				time.Sleep(5200 * time.Millisecond)
				test.fault(chip, bus)
				start := time.Now()
				time.Sleep(2 * time.Second)
				select {
				case err := <-done:
					if !test.dead || err == nil {
						t.Errorf("Run ended after %v: %v", time.Since(start), err)
					}
				default:
					if test.dead {
						t.Error("nothing was noticed within 2 s")
					}
				}
				cancel()
				synctest.Wait()
			})
		})
	}
}

func TestNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := i2csim.New()
		if _, err := New(t.Context(), bus, 0x21, Options{}); !errors.Is(err, i2csim.ErrNAK) {
			t.Errorf("nothing there: %v", err)
		}
		for _, fill := range []byte{0x00, 0x05, 0xff} {
			bus.AckAll, bus.Fill = true, fill
			if _, err := New(t.Context(), bus, 0x21, Options{}); !errors.Is(err, ErrAnswer) {
				t.Errorf("an empty bus that answers %02x: %v", fill, err)
			}
		}
		bus.AckAll = false
		bus.Add(0x22, &i2csim.DSPIC{Version: 0x70})
		_, err := New(t.Context(), bus, 0x22, Options{})
		if err == nil || !strings.Contains(err.Error(), "0x70") {
			t.Errorf("another version: %v", err)
		}
	})
}

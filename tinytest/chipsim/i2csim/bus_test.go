package i2csim_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"

	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
)

func room() physic.Temperature { return physic.ZeroCelsius + 25*physic.Celsius }

func read(t *testing.T, b *i2csim.Bus, addr uint16, reg byte, n int) []byte {
	t.Helper()
	r := make([]byte, n)
	if err := b.Tx(addr, []byte{reg}, r); err != nil {
		t.Fatalf("read %02x at %02x: %v", reg, addr, err)
	}
	return r
}

func TestFaults(t *testing.T) {
	degrees := 25
	b := i2csim.New()
	b.Add(0x48, i2csim.NewTMP75(func() physic.Temperature {
		return physic.ZeroCelsius + physic.Temperature(degrees)*physic.Celsius
	}, false))
	if got := read(t, b, 0x48, 0, 2); got[0] != 25 {
		t.Errorf("read % x, want 19 00", got)
	}
	r := make([]byte, 2)
	b.SetFault(0x48, i2csim.Fault{NAK: 2})
	for i := range 3 {
		if err := b.Tx(0x48, []byte{0}, r); errors.Is(err, i2csim.ErrNAK) != (i < 2) {
			t.Errorf("transaction %d of two that fail: %v", i, err)
		}
	}
	b.SetFault(0x48, i2csim.Fault{Stuck: true})
	degrees = 80
	if got := read(t, b, 0x48, 0, 2); got[0] != 25 {
		t.Errorf("stuck: % x, want 19 00", got)
	}
	b.SetFault(0x48, i2csim.Fault{GlitchEvery: 2, GlitchMask: 0x80})
	a, z := read(t, b, 0x48, 0, 2), read(t, b, 0x48, 0, 2)
	if a[0]^z[0] != 0x80 {
		t.Errorf("glitch: % x then % x", a, z)
	}
	if err := b.Tx(0x49, []byte{0}, r); !errors.Is(err, i2csim.ErrNAK) {
		t.Errorf("nobody: %v", err)
	}
	b.AckAll, b.Fill = true, 0xff
	if got := read(t, b, 0x49, 0, 2); got[0] != 0xff || got[1] != 0xff {
		t.Errorf("acknowledged, nobody: % x", got)
	}
}

func TestLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := i2csim.New()
		b.Add(0x48, i2csim.NewTMP75(room, false))
		b.SetFault(0x48, i2csim.Fault{Late: time.Second})
		start := time.Now()
		var all sync.WaitGroup
		for range 3 { // they wait for each other
			all.Go(func() { b.Tx(0x48, []byte{0}, make([]byte, 2)) })
		}
		all.Wait()
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("three slow transactions took %v", took)
		}
	})
}

func TestReports(t *testing.T) {
	b := i2csim.New()
	b.Add(0x50, &i2csim.AT24C02{})
	b.Add(0x55, &i2csim.PIC16{})
	for _, addr := range []uint16{0x50, 0x51, 0x55, 0x10} {
		b.Tx(addr, []byte{0x11, 0x55}, nil)
		b.Tx(addr, []byte{0x11}, make([]byte, 1))
	}
	if got := b.Reports(); len(got) != 2 {
		t.Errorf("reports: %q, want one for 50 and one for 51", got)
	}
}

// TestTrace runs the same traffic twice and wants the same trace.
func TestTrace(t *testing.T) {
	run := func() (trace []string) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			b := i2csim.New()
			b.Trace = func(io i2csim.IO) {
				trace = append(trace, fmt.Sprintf("%v %02x % x > % x %v", io.At.Sub(start), io.Addr, io.W, io.R, io.Err))
			}
			b.Add(0x20, &i2csim.DSPIC{})
			b.SetFault(0x20, i2csim.Fault{GlitchEvery: 3, Late: time.Millisecond})
			for _, v := range []byte("\x55\xaa\x04\x06\x00\x0a") {
				b.Tx(0x20, []byte{v}, nil)
			}
			time.Sleep(100 * time.Millisecond)
			for range 4 {
				b.Tx(0x20, nil, make([]byte, 1))
			}
			b.Tx(0x21, nil, make([]byte, 1))
		})
		return trace
	}
	one, two := run(), run()
	if fmt.Sprint(one) != fmt.Sprint(two) || len(one) != 11 {
		t.Errorf("traces differ:\n%q\n%q", one, two)
	}
	if want := "107ms 20  > 06 <nil>"; len(one) > 6 && one[6] != want {
		t.Errorf("first answer byte: %q, want %q", one[6], want)
	}
}

func TestEEPROM(t *testing.T) {
	b := i2csim.New()
	chip := &i2csim.AT24C02{}
	b.Add(0x50, chip)
	b.Tx(0x50, []byte{6, 1, 2, 3}, nil)
	if chip.Data[6] != 1 || chip.Data[7] != 2 || chip.Data[0] != 3 {
		t.Errorf("a page write does not wrap: % x", chip.Data[:8])
	}
	if got := read(t, b, 0x50, 7, 2); got[0] != 2 || got[1] != 0 {
		t.Errorf("read % x", got)
	}
}

// TestRest finds a supply that is turned on too early.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &i2csim.APW{Kind: 0x71}
		s.Enable(true)
		s.Enable(false)
		time.Sleep(29 * time.Second)
		s.Enable(true)
		if len(s.Reports()) != 1 {
			t.Errorf("reports %q, want one", s.Reports())
		}
	})
}

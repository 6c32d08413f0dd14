package bm13xx

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/lodefw/lode/drivers/serial"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/tinytest/chipsim"
	"golang.org/x/sys/unix"
)

// servePTY puts a virtual chain behind a pseudo-terminal, and returns the path of
// the end for the driver.
func servePTY(t *testing.T, sim *chipsim.Chain) string {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number uint32
	var inner error
	err = raw.Control(func(fd uintptr) {
		inner = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0)
		if inner == nil {
			number, inner = unix.IoctlGetUint32(int(fd), unix.TIOCGPTN)
		}
	})
	if err := errors.Join(err, inner); err != nil {
		t.Fatal(err)
	}
	port := sim.Port()
	rate := func() (baud int) {
		_ = raw.Control(func(fd uintptr) { // 0 where there is no TCGETS2: the chain then takes any rate
			if s, err := unix.IoctlGetTermios(int(fd), unix.TCGETS2); err == nil {
				baud = int(s.Ospeed)
			}
		})
		return baud
	}
	var copies sync.WaitGroup
	copies.Go(func() { toChips(master, port, rate) })
	copies.Go(func() { toHost(master, port, rate) })
	t.Cleanup(func() {
		if err := errors.Join(master.Close(), port.Close()); err != nil {
			t.Error(err)
		}
		copies.Wait()
	})
	return fmt.Sprintf("/dev/pts/%d", number)
}

func toChips(master *os.File, port *chipsim.Port, rate func() int) {
	b := make([]byte, 4096)
	for before := rate(); ; {
		n, err := master.Read(b)
		if errors.Is(err, unix.EIO) { // nobody has the other end open
			time.Sleep(time.Millisecond)
			continue
		}
		if err != nil {
			return
		}
		now := rate()
		port.Hear(b[:n], before, now)
		before = now
	}
}

func toHost(master *os.File, port *chipsim.Port, rate func() int) {
	b := make([]byte, 4096)
	for {
		n, err := port.Read(b)
		if err != nil {
			return
		}
		port.AtRate(rate())
		if _, err := master.Write(b[:n]); err != nil {
			return
		}
	}
}

// The whole way to a chain: UART driver, kernel, bytes; in real time. Under
// qemu-user the rate stays at 115200, as it has no TCSETS2.
func TestPTY(t *testing.T) {
	sim, err := chipsim.New(chipsim.Config{Model: "BM1370", Chips: 4, Seed: 1, HashBudget: 20e3})
	if err != nil {
		t.Fatal(err)
	}
	path := servePTY(t, sim)
	port, err := serial.Open(path, 115200)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := port.Close(); err != nil {
			t.Error(err)
		}
	}()
	opts := Options{
		Chips: 4, Frequency: 75 * mhz, Baud: 3125000, Ticket: 16, Reset: sim.Reset, WiredZeros: sim.Zeros(),
	}
	if port.SetBaud(opts.Baud) != nil {
		opts.Baud = 115200
	}
	chain, err := New(t.Context(), port, BM1370, opts)
	if err != nil {
		t.Fatal(err)
	}
	source := newWorks()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const enough = 20 // some four seconds
	found := 0
	if err := chain.Run(ctx, hashing.NewFeed(source), func(s hashing.Solution) {
		source.mu.Lock()
		defer source.mu.Unlock()
		w := source.given[s.Work]
		h := w.Header
		h.Nonce, h.Version, h.NTime = s.Nonce, s.Version, s.NTime
		if !w.Target.MetBy(h.Hash()) {
			t.Errorf("%+v misses the target", s)
		}
		if found++; found == enough {
			cancel()
		}
	}); err != nil {
		t.Fatal(err)
	}
	s := chain.Status()
	t.Logf("%d baud: %d solutions, %+v, %d bytes of noise", port.Baud(), found, s.Tally, s.Noise)
	if found < enough || s.HardwareErrors+s.Lost > 0 {
		t.Errorf("%d solutions, %+v", found, s.Tally)
	}
}

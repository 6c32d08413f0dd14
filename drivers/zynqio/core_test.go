package zynqio_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"github.com/lodefw/lode/drivers/zynqio"
	"github.com/lodefw/lode/hashing/sha256d"
	"github.com/lodefw/lode/tinytest/chipsim"
	"github.com/lodefw/lode/tinytest/chipsim/fpgasim"
)

// memory is a window that is only memory, as fast as can be: what a driver writes
// to the FIFO is counted.
type memory struct {
	regs  [1024]uint32
	read  func(offset uint32) uint32
	words []uint32
	keep  bool
}

func (m *memory) Read32(offset uint32) uint32 {
	if m.read != nil {
		return m.read(offset)
	}
	return m.regs[offset/4]
}

func (m *memory) Write32(offset, v uint32) {
	if offset == 4 && m.keep {
		m.words = append(m.words, v)
	}
	m.regs[offset/4] = v
}

func (m *memory) Wait(limit time.Duration) error { time.Sleep(limit); return nil }

// bench is a core in memory, with all FIFOs empty.
func bench(t testing.TB) (*zynqio.Core, zynqio.Windows) {
	t.Helper()
	common, workTx := &memory{}, &memory{}
	common.regs[0], common.regs[1] = 0x00901000, 0x5d5e7158
	workTx.regs[3] = 0x14
	w := zynqio.Windows{Common: common, Command: &memory{}, WorkRx: &memory{}, WorkTx: workTx}
	c, err := zynqio.New(w)
	if err != nil {
		t.Fatal(err)
	}
	return c, w
}

func TestOtherBitstreams(t *testing.T) {
	for _, v := range []struct {
		version, build uint32
		want           string
	}{
		{0, 0, "the FPGA has no core"},
		{0xc501, 0x1c, "stock firmware has another"},
		{0x00901000, 0xffffffff, "the FPGA has no core"},
		{0x00902000, 0x5d5e7158, "the core is 2.0.0 of model 09, built 2019-08-22, want 1.0.0 of model 09"},
		{0x09901000, 0x5d5e7158, "of model 99"},
	} {
		common := &memory{}
		common.regs[0], common.regs[1] = v.version, v.build
		_, err := zynqio.New(zynqio.Windows{Common: common, Command: &memory{}, WorkRx: &memory{}, WorkTx: &memory{}})
		if err == nil || !strings.Contains(err.Error(), v.want) {
			t.Errorf("version %08x, build %08x: %v, want %q", v.version, v.build, err, v.want)
		}
	}
	c, w := bench(t)
	if b := c.Build(); b.Year() != 2019 {
		t.Errorf("built %v", b)
	}
	if control := w.Common.Read32(8); control&8 == 0 {
		t.Errorf("the core is not enabled: control %x", control)
	}
}

// Rates of the documentation: baud = 50 MHz / (8 (n+1)).
func TestBaud(t *testing.T) {
	c, w := bench(t)
	w.Command.(*memory).regs[3] = 5
	for baud, want := range map[int]uint32{115200: 53, 1562500: 3, 3125000: 1, 6250000: 0} {
		if err := c.SetBaud(baud); err != nil || w.Common.Read32(0x10) != want {
			t.Errorf("SetBaud(%d) = %v, divisor %d, want %d", baud, err, w.Common.Read32(0x10), want)
		}
	}
	for _, baud := range []int{0, -1, 1000, 10_000_000} {
		if err := c.SetBaud(baud); err == nil {
			t.Errorf("%d baud is taken", baud)
		}
	}
}

// A job's words, of the documentation's test bench.
func TestJob(t *testing.T) {
	c, w := bench(t)
	if err := c.Pace(4, 2900*time.Microsecond); err != nil {
		t.Fatal(err)
	}
	if ticks, control, thr := w.Common.Read32(0x14), w.Common.Read32(8), w.WorkTx.Read32(0x10); ticks != 145000 || control != 8|2<<1 || thr != 24*36 {
		t.Errorf("WORK_TIME %d, control %x, threshold %d", ticks, control, thr)
	}
	m := w.WorkTx.(*memory)
	m.keep = true
	states := []sha256d.State{{8, 7, 6, 5, 4, 3, 2, 1}, {16, 15, 14, 13, 12, 11, 10, 9}, {}, {}}
	if err := c.Job(291, 0x17365a17, 0x5b51c8e6, [4]byte{0x9d, 0x4b, 0x01, 0x66}, states); err != nil {
		t.Fatal(err)
	}
	if len(m.words) != 36 {
		t.Fatalf("a job of %d words, want 36", len(m.words))
	}
	for i, want := range []uint32{291 << 2, 0x17365a17, 0x5b51c8e6, 0x66014b9d, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16} {
		if m.words[i] != want {
			t.Errorf("word %d is %08x, want %08x", i, m.words[i], want)
		}
	}
	if err := c.Job(1<<14, 0, 0, [4]byte{}, states); err == nil {
		t.Error("a number of 15 bits with four midstates is taken")
	}
	if err := c.Job(1, 0, 0, [4]byte{}, states[:2]); err == nil {
		t.Error("a job with two midstates is taken at a pace of four")
	}
	for _, midstates := range []int{0, 3, 8, -1} {
		if err := c.Pace(midstates, time.Millisecond); err == nil {
			t.Errorf("a pace of %d midstates is taken", midstates)
		}
	}
	if err := c.Pace(4, time.Hour); err != nil || w.Common.Read32(0x14) != 1<<24-1 {
		t.Errorf("an hour: %v, WORK_TIME %x", err, w.Common.Read32(0x14))
	}
}

// Words of solutions (s9-fpga-workrx.json: bosminer's test), with two and four midstates.
func TestSolution(t *testing.T) {
	for _, v := range []struct {
		second         uint32
		midstates, num int
		midstate       int
	}{{0x98123502, 2, 2330, 1}, {0x98123502, 4, 1165, 1}, {0x8fffff01, 4, 16383, 3}, {0x98123502, 1, 4661, 0}} {
		c, w := bench(t)
		if err := c.Pace(v.midstates, time.Millisecond); err != nil {
			t.Fatal(err)
		}
		words := []uint32{0xdead0666, v.second}
		w.WorkRx.(*memory).read = func(offset uint32) (word uint32) {
			if offset == 0 {
				word, words = words[0], words[1:]
			}
			return word
		}
		number, midstate, nonce, err := c.Solution()
		if err != nil || int(number) != v.num || midstate != v.midstate || nonce != 0xdead0666 {
			t.Errorf("%08x with %d midstates: job %d, midstate %d, nonce %08x, %v", v.second, v.midstates, number, midstate, nonce, err)
		}
	}
}

func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, w := bench(t)
		w.Command.(*memory).regs[3], w.WorkRx.(*memory).regs[3] = 5, 1
		done := make(chan error)
		go func() { _, _, _, err := c.Solution(); done <- err }()
		time.Sleep(time.Minute)
		if err := c.SetReadDeadline(time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		err := <-done
		var late interface{ Timeout() bool }
		if !errors.As(err, &late) || !late.Timeout() || time.Since(begin) > 50*time.Millisecond {
			t.Errorf("Solution = %v after %v", err, time.Since(begin))
		}
		if _, err := c.Read(make([]byte, 7)); !errors.As(err, &late) {
			t.Errorf("Read = %v", err)
		}
		w.Command.(*memory).regs[3] = 8 // full, and nobody sends
		if _, err := c.Write([]byte{0x54, 5, 0, 0, 0}); err == nil {
			t.Error("a full FIFO takes commands")
		}
		for _, bad := range [][]byte{{0x54}, {0x54, 5, 0}, {0x21, 54, 0, 0, 0}, {0x54, 0, 0, 0, 0}} {
			if _, err := c.Write(bad); err == nil {
				t.Errorf("% x was sent", bad)
			}
		}
	})
}

func TestFans(t *testing.T) {
	sim := fpgasim.NewFans(2)
	core := zynqio.NewFans(sim)
	fan, err := core.Fan(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := fan.SetDuty(gpio.DutyMax / 2); err != nil {
		t.Fatal(err)
	}
	if v, err := fan.Speed(); err != nil || v != 50*physic.Hertz || sim.RPS(0) != 50 {
		t.Errorf("at half duty: %v, %v, the other at %v", v, err, sim.RPS(0))
	}
	sim.Stop(1, true)
	if v, _ := fan.Speed(); v != 0 {
		t.Errorf("stopped at %v", v)
	}
	if err := fan.SetDuty(gpio.DutyMax + 1); err == nil {
		t.Error("more than full duty is taken")
	}
	if _, err := core.Fan(4); err == nil {
		t.Error("there is a fifth fan")
	}
	dead, _ := zynqio.NewFans(&memory{read: func(uint32) uint32 { return 0 }}).Fan(0)
	if err := dead.SetDuty(gpio.DutyMax); err == nil {
		t.Error("a core that keeps nothing gives no error")
	}
}

func TestJobsAndSolutionsDoNotAllocate(t *testing.T) {
	c, w := bench(t)
	if err := c.Pace(4, 3*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	w.WorkRx.(*memory).regs[0] = 0x98123502
	w.WorkRx.(*memory).regs[3] = 0
	states := make([]sha256d.State, 4)
	n := testing.AllocsPerRun(100, func() {
		if c.Room() > 0 {
			if err := c.Job(7, 1, 2, [4]byte{3}, states); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, _, err := c.Solution(); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for a job and a solution", n)
	}
}

func BenchmarkJob(b *testing.B) {
	c, _ := bench(b)
	if err := c.Pace(4, 3*time.Millisecond); err != nil {
		b.Fatal(err)
	}
	states := make([]sha256d.State, 4)
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Job(7, 1, 2, [4]byte{3}, states); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "works/s")
}

func BenchmarkSolution(b *testing.B) {
	c, w := bench(b)
	w.WorkRx.(*memory).regs[0] = 0x98123502
	b.ReportAllocs()
	for b.Loop() {
		if _, _, _, err := c.Solution(); err != nil {
			b.Fatal(err)
		}
	}
}

// A whole S9 chain of 63 chips is brought up and fed.
func TestLongChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chipsim.Config{Chips: 63, Domains: 21, Seed: 5})
		r.start()
		time.Sleep(20 * time.Second)
		s := r.chain.Status()
		r.end()
		for i, chip := range s.ChipStatus {
			if chip.Good == 0 {
				t.Errorf("chip %d has found nothing", i)
			}
		}
		if s.HardwareErrors+s.Duplicates > 0 || s.Noise > 0 {
			t.Errorf("%+v, noise %d", s.Tally, s.Noise)
		}
	})
}

// Whatever a caller writes, only whole commands get to the FIFO.
func FuzzWrite(f *testing.F) {
	f.Add([]byte{0x54, 5, 0, 0, 0x1c})
	f.Add([]byte{0x58, 9, 0, 0x1c, 0x40, 0x20, 0x9a, 0x80, 0, 0x55, 5, 0, 0, 1})
	f.Add([]byte{0x21, 0x36, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, w := bench(t)
		m := w.Command.(*memory)
		m.keep = true
		n, err := c.Write(b)
		words := 0
		for rest := b[:n]; len(rest) > 0; rest = rest[rest[1]:] {
			words += int(rest[1]) / 4
		}
		if (err == nil) != (n == len(b)) || len(m.words) != words {
			t.Errorf("% x: %d bytes, %v, %d words", b, n, err, len(m.words))
		}
	})
}

// Whatever the chips send, a solution is what its words say, or none.
func FuzzSolution(f *testing.F) {
	f.Add(uint32(0xdead0666), uint32(0x98123502), uint8(2))
	f.Add(uint32(0), uint32(0xffffffff), uint8(0))
	f.Fuzz(func(t *testing.T, first, second uint32, shift uint8) {
		c, w := bench(t)
		if err := c.Pace(1<<(shift%3), time.Millisecond); err != nil {
			t.Fatal(err)
		}
		words := []uint32{first, second | 1<<31}
		w.WorkRx.(*memory).read = func(offset uint32) (word uint32) {
			if offset == 0 {
				word, words = words[0], words[1:]
			}
			return word
		}
		number, midstate, nonce, err := c.Solution()
		if id := int(number)<<(shift%3) | midstate; err != nil || id != int(second>>8&0xffff) || nonce != first {
			t.Errorf("%08x %08x: job %d, midstate %d, nonce %08x, %v", first, second, number, midstate, nonce, err)
		}
	})
}

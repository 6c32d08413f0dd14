package rpi

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/lodefw/lode/drivers/bitfury"
	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/pin"
)

// The registers of pins (BCM2835 ARM Peripherals, p. 90; BCM2711 has the same ones),
// as /dev/gpiomem shows them: three bits of function for each pin, ten pins a word;
// then words that set and clear.
const (
	regFunction = 0
	regSet      = 0x1c / 4
	regClear    = 0x28 / 4

	functionOut = 1
	memSize     = 4096
)

// functions are what the three bits mean, in their order.
func functions() []pin.Func {
	return []pin.Func{"IN", "OUT", "ALT5", "ALT4", "ALT0", "ALT1", "ALT2", "ALT3"}
}

// gpioMem is the Pi's pins as memory: only so can the bus's own wires be outputs for
// a moment, while the kernel's driver keeps them.
type gpioMem struct {
	mem []byte
	mu  sync.Mutex // of the functions
}

func openGPIO(path string) (*gpioMem, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_SYNC, 0)
	if err != nil {
		return nil, fmt.Errorf("rpi: %w; Bitfury chips need the pins of a Raspberry Pi 1 to 4 or Zero", err)
	}
	defer f.Close()
	mem, err := unix.Mmap(int(f.Fd()), 0, memSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("rpi: %s: %w", path, err)
	}
	return &gpioMem{mem: mem}, nil
}

// Close gives the memory back: no pin may be used any more.
func (g *gpioMem) Close() error { return unix.Munmap(g.mem) }

func (g *gpioMem) word(i int) *uint32 { return (*uint32)(unsafe.Pointer(&g.mem[4*i])) }

// memPin is a pin, 0 to 31.
type memPin struct {
	pin.BasicPin
	mem    *gpioMem
	number int
}

func (g *gpioMem) pin(n int) *memPin {
	return &memPin{BasicPin: pin.BasicPin{N: fmt.Sprint("GPIO", n)}, mem: g, number: n}
}

var (
	_ gpio.PinOut = (*memPin)(nil)
	_ pin.PinFunc = (*memPin)(nil)
)

func (p *memPin) function() (word *uint32, shift int) {
	return p.mem.word(regFunction + p.number/10), 3 * (p.number % 10)
}

// Func is part of pin.PinFunc.
func (p *memPin) Func() pin.Func {
	word, shift := p.function()
	return functions()[atomic.LoadUint32(word)>>shift&7]
}

// SupportedFuncs is part of pin.PinFunc.
func (p *memPin) SupportedFuncs() []pin.Func { return functions() }

// SetFunc is part of pin.PinFunc.
func (p *memPin) SetFunc(f pin.Func) error {
	n := slices.Index(functions(), f)
	if n < 0 {
		return fmt.Errorf("rpi: %v has no function %s", p, f)
	}
	p.set(uint32(n))
	return nil
}

func (p *memPin) set(n uint32) {
	p.mem.mu.Lock()
	defer p.mem.mu.Unlock()
	word, shift := p.function()
	atomic.StoreUint32(word, atomic.LoadUint32(word)&^(7<<shift)|n<<shift)
}

// Out is part of gpio.PinOut. The level is there before the pin is an output.
func (p *memPin) Out(l gpio.Level) error {
	reg := regClear
	if l {
		reg = regSet
	}
	atomic.StoreUint32(p.mem.word(reg), 1<<p.number)
	if p.Func() != functions()[functionOut] {
		p.set(functionOut)
	}
	return nil
}

// PWM is part of gpio.PinOut.
func (p *memPin) PWM(gpio.Duty, physic.Frequency) error { return errors.New("rpi: no PWM here") }

// Pins of the header's first SPI bus.
const (
	pinData  = 10 // MOSI
	pinClock = 11
)

// wires are the bus's own, as plain outputs.
func (o *opening) wires() (bitfury.Lines, error) {
	if slices.ContainsFunc(o.sys.Compatible(), func(s string) bool { return strings.Contains(s, "bcm2712") }) {
		return bitfury.Lines{}, errors.New("rpi: the pins of a Raspberry Pi 5 are other ones: Bitfury chips need a Pi 1 to 4 or Zero")
	}
	g, err := openGPIO(o.sys.Path("/dev/gpiomem"))
	if err != nil {
		return bitfury.Lines{}, err
	}
	o.ports = append(o.ports, g)
	return bitfury.Lines{Clock: g.pin(pinClock), Data: g.pin(pinData)}, nil
}

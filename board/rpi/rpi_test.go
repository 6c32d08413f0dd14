package rpi

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lodefw/lode/board"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/pin"
	"periph.io/x/conn/v3/spi"
)

// backplane is a CoinCraft Desk's I²C bus with boards in some places.
type backplane struct {
	boards []int
	regs   map[byte]byte
}

func (b *backplane) String() string                  { return "backplane" }
func (b *backplane) SetSpeed(physic.Frequency) error { return nil }

func (b *backplane) Tx(addr uint16, w, r []byte) error {
	if addr == addrExpander && b.regs != nil {
		b.regs[w[0]] = w[1]
		return nil
	}
	if slices.Contains(b.boards, int(0x2c)-int(addr)) && len(r) == 2 && w[0] == 0x0c {
		return nil
	}
	return errors.New("no answer")
}

// wire is a bus that notes what goes over it.
type wire struct {
	spi.Conn
	did []string
	do  func(w []byte) string
}

func (c *wire) Tx(w, r []byte) error {
	c.did = append(c.did, c.do(w))
	return nil
}

func TestDesk(t *testing.T) {
	b := &backplane{boards: []int{0, 3}, regs: make(map[byte]byte)}
	c := &wire{do: func(w []byte) string { return fmt.Sprintf("%02x to %02x", w, ^b.regs[2]&0x1f) }}
	chains, err := Desk(b, c)
	if err != nil || len(chains) != 2 {
		t.Fatalf("%d boards, %v", len(chains), err)
	}
	if b.regs[3] != 0x1f || b.regs[6] != 0xe0 || b.regs[7] != 0xe0 {
		t.Errorf("registers %v: want all boards in reset, and outputs", b.regs)
	}
	if err := chains[1].Reset(false); err != nil || b.regs[3] != 0x17 {
		t.Errorf("the board in place 3 leaves its reset: %02x, %v", b.regs[3], err)
	}
	if err := chains[1].Reset(true); err != nil || b.regs[3] != 0x1f {
		t.Errorf("and comes back: %02x, %v", b.regs[3], err)
	}
	for _, n := range []int{0, 1, 1, 0} {
		if err := chains[n].Conn.Tx([]byte{byte(n)}, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(c.did, ", "); got != "00 to 01, 01 to 08, 01 to 08, 00 to 01" {
		t.Errorf("selected %s", got)
	}
	b.boards = nil
	if _, err := Desk(b, c); err == nil || !strings.Contains(err.Error(), "no boards") {
		t.Errorf("without boards: %v", err)
	}
	b.regs = nil
	if _, err := Desk(b, c); err == nil || !strings.Contains(err.Error(), "0x27") {
		t.Errorf("without a backplane: %v", err)
	}
}

// level is a pin.
type level struct {
	pin.BasicPin
	high bool
}

func (l *level) Out(to gpio.Level) error               { l.high = bool(to); return nil }
func (l *level) PWM(gpio.Duty, physic.Frequency) error { return errors.New("no PWM") }

func warm() (physic.Temperature, error) { return physic.ZeroCelsius + 40*physic.Celsius, nil }

// Each of a backplane's boards can be turned off alone.
func TestA1Board(t *testing.T) {
	b := &backplane{boards: []int{0, 1, 4}, regs: make(map[byte]byte)}
	chains, err := Desk(b, &wire{do: func([]byte) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	made, err := NewA1(chains, warm, warm, A1Options{Chips: 8})
	if err != nil || len(made.Chains) != 3 || made.Resets[2].Chain != 3 || len(made.Thermometers) != 2 {
		t.Fatalf("board %+v, %v", made, err)
	}
	if got, want := made.HashRate(), 3*8*32*800e6; got != want {
		t.Errorf("hash rate %v, want %v", got, want)
	}
	if err := made.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	made.Resets[1].Set(false)
	if err := made.DownPart(2); err != nil || b.regs[3] != 0x1f {
		t.Errorf("down: %02x, %v", b.regs[3], err)
	}
	for _, o := range []A1Options{{}, {Chips: 65}, {Chips: 8, Clock: 2 * physic.GigaHertz}} {
		if _, err := NewA1(chains, warm, nil, o); err == nil {
			t.Errorf("%+v is no error", o)
		}
	}
}

// A bank hears nothing that is for another; while the board is down no message but
// those that stop the chips gets through.
func TestBanks(t *testing.T) {
	var pins []*level
	var enable []gpio.PinOut
	for _, name := range bankPins() {
		pins = append(pins, &level{BasicPin: pin.BasicPin{N: name}})
		enable = append(enable, pins[len(pins)-1])
	}
	heard := func() string {
		text := ""
		for _, p := range pins {
			if p.high {
				text += p.N
			}
		}
		return text
	}
	c := &wire{do: func(w []byte) string { return fmt.Sprintf("%d bytes to %s", len(w), heard()) }}
	links := func() error { c.did = append(c.did, "links of "+heard()); return nil }
	chains, err := Banks(c, links, enable, []int{0, 2})
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewBitfury(chains, warm, nil, BitfuryOptions{Chips: 2})
	if err != nil {
		t.Fatal(err)
	}
	want := "links of 18, 8 bytes to 18, links of 18, links of 18, 9 bytes to 18, links of 18, " +
		"links of 24, 8 bytes to 24, links of 24, links of 24, 9 bytes to 24, links of 24"
	if got := strings.Join(c.did, ", "); got != want {
		t.Errorf("stopped by %s\nwant %s", got, want)
	}
	if err := b.Chains[0].Run(t.Context(), nil, nil); !errors.Is(err, errShut) {
		t.Errorf("a chain of a board that is off: %v", err)
	}
	if len(b.Thermometers) != 1 || b.Chains[0].HashRate() != 5e9 {
		t.Errorf("%d thermometers, %v", len(b.Thermometers), b.Chains[0].HashRate())
	}
	if _, err := Banks(c, links, enable, []int{4}); err == nil {
		t.Error("bank 5 is no error")
	}
}

func TestSettings(t *testing.T) {
	for text, want := range map[string]string{
		"1:0x48": "1 48", "0:72": "0 48", "": "", "1": "", "x:0x48": "", "1:0x148": "", "1:": "",
	} {
		number, addr, err := parseSensor(text)
		got := ""
		if err == nil {
			got = fmt.Sprintf("%d %x", number, addr)
		}
		if got != want {
			t.Errorf("sensor %q is %q, want %q", text, got, want)
		}
	}
	for _, k := range Boards() {
		_, _, err := k.Open(board.OpenConfig{})
		if err == nil || !strings.Contains(err.Error(), "chips") {
			t.Errorf("%s without settings: %v", k.Name, err)
		}
	}
}

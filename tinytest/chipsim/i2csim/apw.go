package i2csim

import (
	"encoding/binary"
	"sync"
	"time"
)

// apwPatience is the watchdog of the supply: about a minute.
const apwPatience = time.Minute

// APW is an APW9/12/17 supply. Commands and answers go byte by byte through one
// register; its output follows the enable pin, which is no part of I²C.
type APW struct {
	// Kind is its type, 71 for most APW12; Firmware its version.
	Kind, Firmware byte
	// Register is where it speaks, 11 unless 00 is said with Legacy.
	Legacy bool
	// Refuse is how many packets it answers with F5, the NAK it gives now and then.
	Refuse int
	// Mute says that it answers nothing any more: every read is F5.
	Mute bool
	// Late is how much longer its answers take than the usual 400 ms.
	Late time.Duration

	mu      sync.Mutex
	dac     byte
	sag     float64
	enabled bool
	fed     time.Time
	guarded bool
	offAt   time.Time
	hurt    []string
	packet
}

// apwRest is how long the supply must stay off before it may be enabled again.
const apwRest = 30 * time.Second

// Enable is the enable pin. Enabling within 30 s of disabling is reported.
func (c *APW) Enable(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if on && !c.enabled && !c.offAt.IsZero() && time.Since(c.offAt) < apwRest {
		c.hurt = append(c.hurt, "enabled "+time.Since(c.offAt).String()+" after it was turned off")
	}
	if !on && c.enabled {
		c.offAt = time.Now()
	}
	c.enabled = on
	c.fed = time.Now()
}

// Reports lists what would have hurt the supply.
func (c *APW) Reports() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.hurt...)
}

// On says whether the output is up.
func (c *APW) On() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.up()
}

func (c *APW) up() bool {
	if c.enabled && c.guarded && time.Since(c.fed) > apwPatience {
		c.enabled, c.offAt = false, time.Now()
	}
	return c.enabled
}

// DAC is the voltage that was set.
func (c *APW) DAC() byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dac
}

// Tx implements Device.
func (c *APW) Tx(w, r []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.order = binary.LittleEndian
	ours := len(w) > 0 && (w[0] == 0x11) != c.Legacy
	for i := 1; i < len(w) && ours; i++ {
		if cmd, payload, ok := c.take(w[i]); ok {
			c.do(cmd, payload)
		}
	}
	for i := range r {
		r[i] = 0xf5 // nothing to say: the same byte as a NAK
		if ours && !c.Mute {
			r[i] = c.next(0xf5)
		}
	}
	return nil
}

func (c *APW) do(cmd byte, payload []byte) {
	c.answer = nil
	if c.Refuse > 0 {
		c.Refuse--
		return
	}
	var v [2]byte
	copy(v[:], payload)
	switch cmd {
	case 0x01:
		v[0] = c.Firmware
	case 0x02:
		v[0] = c.Kind
	case 0x03:
		v[0] = c.dac
	case 0x04:
		binary.LittleEndian.PutUint16(v[:], c.adc())
	case 0x05:
		if v[0] = 0; c.up() {
			v[0] = 1
		}
	case 0x81:
		c.guarded, c.fed = v[0] != 0, time.Now()
	case 0x83:
		c.dac = v[0]
	default:
		return // F5
	}
	f := []byte{0x55, 0xaa, 6, cmd, v[0], v[1]}
	f = binary.LittleEndian.AppendUint16(f, sum16(f[2:]))
	c.reply(400*time.Millisecond-time.Millisecond+c.Late, f...)
}

// adc is the measured output of a type 71: V = (raw + 0.8615) / 63.017.
func (c *APW) adc() uint16 {
	if !c.up() {
		return 1
	}
	return uint16(c.volts()*63.017 - 0.8615)
}

// volts is what it gives when it is on, as a type 71 does.
func (c *APW) volts() float64 { return (1190.935338 - float64(c.dac)) / 78.742588 * (1 - c.sag) }

// Sag makes it give less than it was told, by a share.
func (c *APW) Sag(share float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sag = share
}

// Volts is what it gives when it is on.
func (c *APW) Volts() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.volts()
}

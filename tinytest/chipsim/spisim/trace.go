package spisim

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// Event is one transfer, or the opening of the bus. As JSON it is
// ["x", mosi, miso], or ["open", mode, bits, hertz].
type Event struct {
	MOSI, MISO []byte
	Mode, Bits int
	Speed      physic.Frequency // of an opening; else 0
}

// MarshalJSON writes the event as a list.
func (e Event) MarshalJSON() ([]byte, error) {
	if e.Speed != 0 {
		return json.Marshal([]any{"open", e.Mode, e.Bits, int64(e.Speed / physic.Hertz)})
	}
	return json.Marshal([]any{"x", hex.EncodeToString(e.MOSI), hex.EncodeToString(e.MISO)})
}

// UnmarshalJSON reads the list. Kinds of events that are neither, such as
// delays, become an empty transfer.
func (e *Event) UnmarshalJSON(b []byte) error {
	var kind, w, r string
	if err := json.Unmarshal(b, &[1]any{&kind}); err != nil {
		return fmt.Errorf("spisim: event: %w", err)
	}
	*e = Event{}
	switch kind {
	case "open":
		var hertz int64
		if err := json.Unmarshal(b, &[4]any{&kind, &e.Mode, &e.Bits, &hertz}); err != nil {
			return fmt.Errorf("spisim: open: %w", err)
		}
		e.Speed = physic.Frequency(hertz) * physic.Hertz
	case "x":
		if err := json.Unmarshal(b, &[3]any{&kind, &w, &r}); err != nil {
			return fmt.Errorf("spisim: transfer: %w", err)
		}
		return e.transfer(w, r)
	}
	return nil
}

func (e *Event) transfer(w, r string) (err error) {
	if e.MOSI, err = hex.DecodeString(w); err != nil {
		return fmt.Errorf("spisim: transfer: %w", err)
	}
	if e.MISO, err = hex.DecodeString(r); err != nil {
		return fmt.Errorf("spisim: transfer: %w", err)
	}
	if len(e.MOSI) != len(e.MISO) {
		return errLength
	}
	return nil
}

// Trace is a recording of a bus.
type Trace struct {
	Events []Event
	// Limit bounds Events; 0 means 100000. What comes later is not recorded.
	Limit int
}

const defaultLimit = 100_000

func (t *Trace) full() bool {
	limit := t.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	return len(t.Events) >= limit
}

// Open records that the bus was opened.
func (t *Trace) Open(mode spi.Mode, bits int, f physic.Frequency) {
	if !t.full() {
		t.Events = append(t.Events, Event{Mode: int(mode), Bits: bits, Speed: f})
	}
}

// Transfer records one.
func (t *Trace) Transfer(w, r []byte) {
	if !t.full() {
		t.Events = append(t.Events, Event{MOSI: bytes.Clone(w), MISO: bytes.Clone(r)})
	}
}

// Player is a spi.Conn that plays a recording: it wants the same bytes and
// answers with the recorded ones.
type Player struct {
	Events []Event
	next   int
}

// Rest is how many transfers were not asked for yet.
func (p *Player) Rest() int { return len(p.Events) - p.next }

// String names the player.
func (p *Player) String() string { return "recording" }

// Duplex is part of conn.Conn.
func (p *Player) Duplex() conn.Duplex { return conn.Full }

// Tx plays the next transfer.
func (p *Player) Tx(w, r []byte) error {
	for p.next < len(p.Events) && len(p.Events[p.next].MOSI) == 0 {
		p.next++
	}
	if p.next == len(p.Events) {
		return fmt.Errorf("spisim: sent %x after the end of the recording", w)
	}
	e := p.Events[p.next]
	if !bytes.Equal(w, e.MOSI) || len(r) != len(e.MISO) {
		return fmt.Errorf("spisim: transfer %d: sent %x, recorded %x", p.next, w, e.MOSI)
	}
	p.next++
	copy(r, e.MISO)
	return nil
}

// TxPackets plays one transfer after the other.
func (p *Player) TxPackets(ps []spi.Packet) error {
	for i := range ps {
		if err := p.Tx(ps[i].W, ps[i].R); err != nil {
			return err
		}
	}
	return nil
}

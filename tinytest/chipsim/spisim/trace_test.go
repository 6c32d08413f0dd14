package spisim

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// A trace survives JSON, and a Player wants exactly what was recorded.
func TestTrace(t *testing.T) {
	sim := NewA1(A1Config{Chips: 2})
	var trace Trace
	sim.Record(&trace)
	conn, err := sim.Connect(2*physic.MegaHertz, spi.Mode1, 8)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.TxPackets([]spi.Packet{
		{W: []byte{1, 0, 0, 0, 0, 0}, R: make([]byte, 6)}, {W: make([]byte, 8), R: make([]byte, 8)},
	}); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(trace.Events)
	if want := `[["open",1,8,2000000],["x","010000000000","000000000000"],["x","0000000000000000","0000010000020000"]]`; err != nil || string(text) != want {
		t.Errorf("trace %s, %v, want %s", text, err, want)
	}
	var back []Event
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, trace.Events) {
		t.Errorf("%+v, %v, want %+v", back, err, trace.Events)
	}
	p := &Player{Events: back}
	r := make([]byte, 8)
	if err := p.Tx([]byte{1, 0, 0, 0, 0, 1}, r[:6]); err == nil || !strings.Contains(err.Error(), "recorded 010000000000") {
		t.Errorf("Tx of other bytes: %v", err)
	}
	if err := p.Tx([]byte{1, 0, 0, 0, 0, 0}, r[:6]); err != nil {
		t.Error(err)
	}
	if err := p.Tx(make([]byte, 8), r); err != nil || r[3] != 0 || r[2] != 1 || r[5] != 2 || p.Rest() != 0 {
		t.Errorf("played % x, %v, rest %d", r, err, p.Rest())
	}
	if err := p.Tx([]byte{0, 0}, r[:2]); err == nil {
		t.Error("Tx after the end")
	}
}

func TestBadEvents(t *testing.T) {
	for _, text := range []string{`{}`, `["x","0","00"]`, `["x","00","0000"]`, `["x",1,2]`, `["open","a"]`, `["x","zz","00"]`} {
		var e Event
		if err := json.Unmarshal([]byte(text), &e); err == nil {
			t.Errorf("event %s reads as %+v", text, e)
		}
	}
	var e Event
	if err := json.Unmarshal([]byte(`["delay_ms",40]`), &e); err != nil || len(e.MOSI) != 0 {
		t.Errorf("delay reads as %+v, %v", e, err)
	}
}

// What a host does wrong is reported.
func TestReports(t *testing.T) {
	a := NewA1(A1Config{Chips: 1})
	conn, _ := a.Connect(physic.MegaHertz, spi.Mode0, 8)
	if _, err := a.Connect(physic.MegaHertz, spi.Mode1, 8); err == nil {
		t.Error("Connect twice")
	}
	r := make([]byte, 80)
	for _, w := range []string{"\x0f\x00", "\x04\x00\x00\x00", "\x0a\x00\x00\x00\x00\x00\x00\x00", "\x08", "\x09\x00\x00\x00\x00\x00\x00\x00"} {
		if err := conn.Tx([]byte(w), r[:len(w)]); err != nil {
			t.Error(err)
		}
	}
	if err := conn.Tx(r[:2], r[:4]); err == nil {
		t.Error("transfer of two lengths")
	}
	b := NewBitfury(BitfuryConfig{Chips: 1})
	conn, _ = b.Connect(physic.MegaHertz, spi.Mode1, 8)
	job := "\x04\xf2\x30\x00" + strings.Repeat("\x00", 76)
	for _, w := range []string{"\x04\x77", "\x04\xe0\x50\x00\x00\x00\x00\x00", "\x04\xe5\x60\x00", "\x04\xe0\x60\x00\x05\x00\x00\x00", job} {
		if err := conn.Tx([]byte(w), r[:len(w)]); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct {
		got  []string
		want []string
	}{
		{a.Reports(), []string{"Mode0", "no command", "strategy", "from all chips", "whole words", "no clock"}},
		{b.Reports(), []string{"Mode1", "no command", "address 5000", "cut off", "thermometer", "before the set-up", "do not follow"}},
	} {
		all := strings.Join(c.got, "\n")
		for _, want := range c.want {
			if !strings.Contains(all, want) {
				t.Errorf("no report of %q in:\n%s", want, all)
			}
		}
	}
}

// The search finds the first nonce and no other.
func TestSearch(t *testing.T) {
	s := newSearcher()
	task := task{}
	for i := range task.target[:31] {
		task.target[i] = 0xff
	}
	s.set(&task)
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		start := r.Uint32()
		want := start
		for !task.target.MetBy(s.hash(want)) {
			want++
		}
		if got, ok := s.from(start, 1<<20); !ok || got != want {
			t.Errorf("from(%08x) = %08x, %v, want %08x", start, got, ok, want)
		}
		if got, ok := s.from(start, uint64(want-start)); ok {
			t.Errorf("from(%08x) up to the hit = %08x", start, got)
		}
	}
}

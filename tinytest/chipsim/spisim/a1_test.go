package spisim

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing/sha256d"
)

// captures are those of the driver's package: the recorded program's bytes with
// the answers of the chain model that it ran against.
const captures = "../../../drivers/a1/testdata/captures"

type capture struct {
	Chips    int
	Events   []Event
	Midstate string `json:"midstate_state_be"`
	Injected struct {
		Nonce string `json:"nonce_wire"`
	} `json:"result_injected"`
}

// An independent model, driven by an unmodified third-party driver, gave these
// answers; ours gives the same.
func TestA1AnswersAsRecorded(t *testing.T) {
	used := 0
	for _, name := range []string{"a1-init.json", "a1-jobs.json"} {
		text, err := os.ReadFile(filepath.Join(captures, name))
		if err != nil {
			t.Fatal(err)
		}
		var file struct{ Vectors []capture }
		if err := json.Unmarshal(text, &file); err != nil {
			t.Fatal(err)
		}
		for _, c := range file.Vectors {
			used++
			synctest.Test(t, func(t *testing.T) { answers(t, c) })
		}
	}
	if used != 8 {
		t.Errorf("used %d captures, want 8", used)
	}
}

func answers(t *testing.T, c capture) {
	cfg := A1Config{Chips: c.Chips, NoSearch: true}
	if cfg.Chips == 0 {
		cfg.Chips = 3 // a1-jobs, which says it in words only
	}
	result, err := hex.DecodeString("1802" + c.Injected.Nonce)
	if err != nil {
		t.Fatal(err)
	}
	if c.Midstate != "" {
		cfg.Known = []Known{{Midstate: midstate(t, c.Midstate), Nonce: binary.LittleEndian.Uint32(result[2:])}}
	}
	sim := NewA1(cfg)
	conn := (*busConn)(&sim.Bus)
	reported := false
	for i, e := range c.Events {
		if len(result) > 2 && bytes.Contains(e.MISO, result) {
			reported = true
		}
		if i+1 < len(c.Events) && len(result) > 2 && bytes.Contains(c.Events[i+1].MISO, result) {
			time.Sleep(145 * time.Millisecond) // of 168 that a sweep takes
			silence(sim, 2)
		}
		r := make([]byte, len(e.MOSI))
		if err := conn.Tx(e.MOSI, r); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(r, e.MISO) {
			t.Errorf("transfer %d: %x gives %x, recorded %x", i, e.MOSI, r, e.MISO)
		}
	}
	if c.Midstate != "" && !reported {
		t.Error("the capture has no result")
	}
	if r := sim.Reports(); len(r) > 0 {
		t.Errorf("the chain complains of the recorded program: %q", r)
	}
}

// silence forgets the nonces of all chips but one: in the capture only that one
// has found its.
func silence(sim *A1, chip int) {
	now := time.Now()
	for i, ch := range sim.chips {
		ch.advance(now)
		if i+1 != chip {
			ch.found = 0
		} else {
			ch.found = min(ch.found, 1)
		}
	}
}

func midstate(t *testing.T, text string) (s sha256d.State) {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != 32 {
		t.Fatalf("midstate %q: %v", text, err)
	}
	for i := range s {
		s[i] = binary.BigEndian.Uint32(b[4*i:])
	}
	return s
}

// A target that silicon is meant to meet is shifted, and cut at the easiest.
func TestEased(t *testing.T) {
	one := bitcoin.DifficultyOne()
	if got := eased(one, 20); got.Hashes() < one.Hashes()/math.Exp2(20)*0.999 || got.Hashes() > one.Hashes()/math.Exp2(20)*1.001 {
		t.Errorf("a target of %v hashes, 20 bits easier, takes %v", one.Hashes(), got.Hashes())
	}
	if got := eased(one, 0); got != one {
		t.Errorf("no bits easier is %v, want %v", got, one)
	}
	if got := eased(one, 40); got != bitcoin.MaxTarget() {
		t.Errorf("40 bits easier is %v", got)
	}
}

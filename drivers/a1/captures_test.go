package a1

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
	files "github.com/lodefw/lode/internal/captures"
	"github.com/lodefw/lode/internal/hashtest"
	"github.com/lodefw/lode/tinytest/chipsim/spisim"
	"periph.io/x/conn/v3/physic"
)

// capture is a vector of the files in testdata/captures.
type capture struct {
	Chips    int
	Options  string
	Detected *struct{ Detected int }
	Events   []spisim.Event
	Header80 string   `json:"header80_zero_nonce"`
	Frames   []string `json:"write_job_frames"`
	Injected struct {
		Nonce string `json:"nonce_wire"`
	} `json:"result_injected"`
}

// captures reads every file that has vectors of this driver, ours and those of
// LODE_CAPTURES.
func captures(t *testing.T, use func(t *testing.T, c capture)) {
	t.Helper()
	used := 0
	for _, name := range files.Files(t, "", ".json") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(filepath.Base(name), "a1-") && !strings.Contains(string(text), "Bitmine A1") {
			continue
		}
		var file struct{ Vectors []capture }
		if err := json.Unmarshal(text, &file); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, c := range file.Vectors {
			used++
			t.Run(filepath.Base(name)+"/"+strconv.Itoa(i), func(t *testing.T) { use(t, c) })
		}
	}
	if used < 8 {
		t.Fatalf("used %d captures, there are more", used)
	}
}

// options are those of the program that made the capture: reference, clock and
// bus speed in kHz, then what does not matter here.
func (c capture) options(t *testing.T) (o Options, speed physic.Frequency) {
	t.Helper()
	text := c.Options
	if text == "" {
		text = "16000:800000:2000"
	}
	var kHz [3]physic.Frequency
	for i, field := range strings.Split(text, ":")[:3] {
		v, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		kHz[i] = physic.Frequency(v) * physic.KiloHertz
	}
	return Options{Reference: kHz[0], Clock: kHz[1], MaxClock: kHz[1], Chips: c.Chips}, kHz[2]
}

// The bytes that the driver sends are those of the recorded one, from the
// opening of the bus to the jobs, the result and the flush.
func TestCaptures(t *testing.T) {
	captures(t, func(t *testing.T, c capture) {
		synctest.Test(t, func(t *testing.T) {
			opts, speed := c.options(t)
			player := &spisim.Player{Events: c.Events}
			checkOpen(t, c, speed)
			chain, err := New(t.Context(), player, opts)
			if c.Detected != nil && c.Detected.Detected == 0 {
				if err == nil {
					t.Fatal("New succeeds where the recorded driver found no chain")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Frames) > 0 {
				playJobs(t, c, chain)
			}
			if player.Rest() != 0 {
				t.Errorf("%d recorded transfers were not made", player.Rest())
			}
		})
	})
}

func checkOpen(t *testing.T, c capture, speed physic.Frequency) {
	t.Helper()
	if len(c.Events) == 0 || c.Events[0].Speed == 0 {
		return
	}
	port := spisim.NewA1(spisim.A1Config{Chips: 1})
	var trace spisim.Trace
	port.Record(&trace)
	if _, err := Connect(port, speed); err != nil {
		t.Fatal(err)
	}
	got, want := trace.Events[0], c.Events[0]
	if got.Mode != want.Mode || got.Bits != want.Bits || got.Speed != want.Speed {
		t.Errorf("opened with %+v, recorded %+v", got, want)
	}
}

// playJobs makes the rounds of the recorded program: two jobs for each chip, a
// result, then a new block with nothing to mine.
func playJobs(t *testing.T, c capture, chain *Chain) {
	t.Helper()
	raw, err := hex.DecodeString(c.Header80)
	if err != nil {
		t.Fatal(err)
	}
	header, err := bitcoin.ParseHeader(raw)
	if err != nil {
		t.Fatal(err)
	}
	src := &hashtest.Source{Header: &header, Target: bitcoin.DifficultyOne(), Stock: -1}
	feed := hashing.NewFeed(src)
	var got []hashing.Solution
	found := func(s hashing.Solution) { got = append(got, s) }
	chain.declare(feed)
	chain.changed = feed.Changed()
	turn := func() {
		t.Helper()
		if _, err := chain.turn(context.Background(), feed, found); err != nil {
			t.Fatal(err)
		}
	}
	turn()
	turn()
	turn()
	src.Set(0)
	feed.Change()
	if _, err := chain.renew(feed); err != nil {
		t.Fatal(err)
	}
	nonce, err := hex.DecodeString(c.Injected.Nonce)
	if err != nil || len(got) != 1 {
		t.Fatalf("found %v, want one nonce %v, err %v", got, c.Injected.Nonce, err)
	}
	header.Nonce = got[0].Nonce
	var b [bitcoin.HeaderSize]byte
	header.Put(&b)
	if string(b[76:]) != string(nonce) {
		t.Errorf("nonce %x, want %x", b[76:], nonce)
	}
}

package chipsim

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/internal/captures"
)

func load(t *testing.T, file string, v any) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// initCapture is an esp-init file: what a host did, and what it read.
type initCapture struct {
	Chip    string
	Chips   int
	Domains int `json:"voltage_domains"`
	Result  struct {
		Init int
		MHz  float64
	}
	Events [][]any
}

// play does what the capture's host did, and checks what it reads.
func (f *initCapture) play(t *testing.T, p *Port) {
	t.Helper()
	for i, e := range f.Events {
		var err error
		switch e[0] {
		case "tx":
			_, err = p.Write(unhex(t, e[1].(string)))
		case "baud":
			err = p.SetBaud(int(e[1].(float64)))
		case "delay_ms":
			time.Sleep(time.Duration(e[1].(float64)) * time.Millisecond)
		case "flush":
			p.Flush()
		case "timeout_ms":
			if got := readFor(t, p, time.Duration(e[1].(float64))*time.Millisecond); len(got) > 0 {
				err = fmt.Errorf("read %x, want nothing", got)
			}
		case "rx":
			want := unhex(t, e[1].(string))
			if got := readN(p, len(want), time.Second); string(got) != string(want) {
				err = fmt.Errorf("read %x", got)
			}
		default:
			err = errors.New("unknown event")
		}
		if err != nil {
			t.Fatalf("event %d %v: %v", i, e, err)
		}
	}
}

func readN(p *Port, n int, limit time.Duration) []byte {
	p.SetReadDeadline(time.Now().Add(limit))
	b := make([]byte, n)
	got := 0
	for got < n {
		k, err := p.Read(b[got:])
		if err != nil {
			break
		}
		got += k
	}
	return b[:got]
}

// readFor reads all that comes for a while.
func readFor(t *testing.T, p *Port, d time.Duration) (all []byte) {
	t.Helper()
	p.SetReadDeadline(time.Now().Add(d))
	for {
		b := make([]byte, 256)
		n, err := p.Read(b)
		all = append(all, b[:n]...)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func newChain(t *testing.T, cfg Config) *Chain {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// kinds counts reports by kind.
func kinds(c *Chain) map[Kind]int {
	m := map[Kind]int{}
	for _, r := range c.Reports() {
		m[r.Kind]++
	}
	return m
}

// Every bring-up that ESP-Miner was seen to do gets the answers it got then, ends
// at the clock it should, and breaks no rule but those it is known to break.
func TestBringUps(t *testing.T) {
	for _, file := range captures.Files(t, "esp-init-bm", ".json") {
		var f initCapture
		load(t, file, &f)
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newChain(t, Config{Model: f.Chip, Chips: f.Chips, Domains: f.Domains})
				c.SetVoltage(1.2 * c.m.nominalMillivolts) // some go above the nominal clock
				c.Reset(true)
				time.Sleep(100 * time.Millisecond)
				c.Reset(false)
				time.Sleep(100 * time.Millisecond)
				f.play(t, c.Port())
				checkBroughtUp(t, c, &f)
			})
		})
	}
}

func checkBroughtUp(t *testing.T, c *Chain, f *initCapture) {
	t.Helper()
	time.Sleep(10 * time.Millisecond)
	for _, r := range c.Reports() {
		switch r.Kind {
		case BaudMargin, BaudUnverified:
		default:
			t.Errorf("report %v", r)
		}
	}
	if f.Result.Init == 0 {
		return // it gave up: a single BM1372
	}
	for i, ch := range c.Status().Chips {
		if !ch.Addressed || ch.MHz < f.Result.MHz-0.01 || ch.MHz > f.Result.MHz+0.01 {
			t.Errorf("chip %d: addressed %v at %.3f MHz, want %.3f", i, ch.Addressed, ch.MHz, f.Result.MHz)
		}
	}
}

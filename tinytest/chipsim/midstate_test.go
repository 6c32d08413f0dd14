package chipsim

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing/sha256d"
	"github.com/lodefw/lode/internal/captures"
)

// midstateJob is a job frame without preamble, and the headers of its midstates.
func midstateJob(id byte, header [80]byte, n int) (frame []byte, headers [][80]byte) {
	f := []byte{0x21, byte(22 + 32*n), id, byte(n), 0, 0, 0, 0}
	f = append(f, header[72:76]...)
	f = append(f, header[68:72]...)
	f = append(f, header[64:68]...)
	for k := range n {
		h := header
		binary.LittleEndian.PutUint32(h[:], 0x20000000|uint32(k)<<13)
		headers = append(headers, h)
		s := sha256d.Midstate(&h)
		for i := 7; i >= 0; i-- {
			f = binary.BigEndian.AppendUint32(f, s[i])
		}
	}
	return binary.BigEndian.AppendUint16(f, crc16(f)), headers
}

// Jobs that ESP-Miner was seen to write parse to the headers that it was given.
func TestJobFrames(t *testing.T) {
	for _, file := range captures.Files(t, "esp-jobs-", ".json") {
		var f struct {
			Chip    string
			Vectors []struct {
				Header80, Frame string
				Version_mask    string
			}
		}
		load(t, file, &f)
		m := models()[strings.ToUpper(f.Chip)]
		for i, v := range f.Vectors {
			p := parser{m: m, report: func(k Kind, _ int64, format string, args ...any) { t.Errorf("%s %d: %s", file, i, k) }}
			var j *job
			for n, b := range unhex(t, v.Frame) {
				if cmd, ok := p.push(b, int64(n)); ok {
					j = m.parseJob(cmd, 0)
				}
			}
			want := [80]byte(unhex(t, v.Header80))
			clear(want[76:])
			switch {
			case j == nil:
				t.Errorf("%s %d: no job", filepath.Base(file), i)
			case m.midstates && (j.mids[0] != sha256d.Midstate(&want) || string(j.header[64:]) != string(want[64:])):
				t.Errorf("%s %d: tail %x midstate %x", filepath.Base(file), i, j.header[64:], j.mids[0])
			case !m.midstates && j.header != want:
				t.Errorf("%s %d:\ngot  %x\nwant %x", filepath.Base(file), i, j.header, want)
			}
		}
	}
}

// A BM1397 works on four midstates at once and stops after one pass.
func TestBM1397(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, Config{Model: "BM1397", Zeros: 11, Chips: 2})
		h := host{t, c.Port()}
		h.cmd(0x53, 5, 0, 0)
		h.cmd(0x40, 5, 0, 0)
		h.cmd(0x40, 5, 0x80, 0)
		h.all(0x14, 0)
		h.all(0x08, 0x40500221) // 500 MHz
		time.Sleep(50 * time.Millisecond)
		h.all(0x18, 0x00006031)
		h.p.SetBaud(3125000)
		header := someHeader(3)
		var got int
		start := time.Now()
		for n := range byte(50) {
			header[70] = n
			frame, headers := midstateJob(n*4, header, 4)
			h.p.Write(append([]byte{0x55, 0xaa}, frame...))
			got += checkMidstateAnswers(t, c, h.p, headers, n*4, start.Add(time.Duration(n+1)*45*time.Millisecond))
		}
		// A pass of a slice of 2^24 takes 33.6 ms at 500 MHz; chip 1 has the upper half only.
		want := 50 * 1.5 * (1 << 24) * 672 / math.Exp2(32)
		if s := math.Sqrt(want); math.Abs(float64(got)-want) > 4*s {
			t.Errorf("%d results, want %.0f", got, want)
		}
		if r := c.Reports(); len(r) > 0 {
			t.Errorf("reports %v", r)
		}
	})
}

func checkMidstateAnswers(t *testing.T, c *Chain, p *Port, headers [][80]byte, id byte, until time.Time) (n int) {
	t.Helper()
	for {
		f := readN(p, 9, time.Until(until))
		if len(f) < 9 {
			return n
		}
		if f[7]&0xfc != id {
			continue // of the job before
		}
		h := headers[f[7]&3]
		copy(h[76:], f[2:6])
		if _, ok := meets(bitcoin.DoubleHash(h[:]), c.Zeros(), 0); !ok || crc5(f[2:], 56) != 0 {
			t.Fatalf("answer %x: no solution", f)
		}
		n++
	}
}

// The BM1387 has no preamble, opens its cores by null jobs, and splits nonces its
// own way. A public script's trace gets the answers it got then, breaks of the
// protocol included.
func TestBM1387Script(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f initCapture
		load(t, captures.Files(t, "bm1387-usb-script-trace", ".json")[0], &f)
		for i, e := range f.Events {
			if e[0] == "junk" { // bytes that it also writes
				f.Events[i][0] = "tx"
			}
		}
		c := newChain(t, Config{Model: "BM1387", Chips: 2})
		f.play(t, c.Port())
		time.Sleep(time.Second)
		c.Status() // brings the chips up to date
		for _, ch := range c.chips {
			if ch.opened != 114 || ch.status.Jobs != 118 {
				t.Errorf("chip %d has %d cores open after %d jobs", ch.index, ch.opened, ch.status.Jobs)
			}
		}
		// It ends two commands with a CRC too many; the second is good but for that
		// and sets another baud rate.
		if k := kinds(c); k[BadCRC] != 1 || k[UnknownHeader] != 1 || k[BaudMargin] != 1 || len(k) != 3 {
			t.Errorf("reports %v, want a wrong CRC and a stray byte", c.Reports())
		}
	})
}

func TestBM1387(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := Solution{Midstate: make([]uint32, 8), Tail: []byte(strings.Repeat("\xff", 12)), Nonce: unhex(t, "7203ea83")}
		for _, z := range []int{32, 10} {
			c := newChain(t, Config{Model: "BM1387", Chips: 63, Zeros: z, Solutions: []Solution{known}})
			p := c.Port()
			send := func(b ...byte) { p.Write(append(b, crc5(b, 8*len(b)))) }
			send(0x55, 5, 0, 0)
			for i := range 63 {
				send(0x41, 5, byte(4*i), 0)
			}
			send(0x58, 9, 0, 0x0c, 0, 0x68, 2, 0x21)       // 650 MHz
			send(0x58, 9, 0, 0x1c, 0x40, 0x20, 0x81, 0x80) // 1.5625 Mbaud
			p.SetBaud(1562500)
			send(0x58, 9, 0, 0x18, 0, 0, 0, 0)
			null := append([]byte{0x21, 0x36, 0x74, 1, 0, 0, 0, 0}, known.Tail...)
			null = append(null, make([]byte, 32)...)
			null = binary.BigEndian.AppendUint16(null, crc16(null))
			for range 114 {
				p.Write(null)
				time.Sleep(5 * time.Millisecond)
			}
			if z == 32 {
				checkKnown(t, c, p)
				continue
			}
			checkRate1387(t, c, p)
		}
	})
}

// checkKnown: the null job's known solution comes, from the chip that it names.
func checkKnown(t *testing.T, c *Chain, p *Port) {
	t.Helper()
	all := readFor(t, p, time.Second)
	if !strings.Contains(hex.EncodeToString(all), "7203ea830074") {
		t.Errorf("answers %x have no 7203ea83", all)
	}
	if n := c.chips[0x83ea0372>>2&0x3f].status.Found; n == 0 {
		t.Error("another chip found it")
	}
}

// checkRate1387 sends work of four midstates as often as the S9 does.
func checkRate1387(t *testing.T, c *Chain, p *Port) {
	t.Helper()
	readFor(t, p, 100*time.Millisecond)
	header, got := someHeader(4), 0
	for n := range byte(100) {
		header[70] = n
		frame, headers := midstateJob(n%31<<2, header, 4)
		p.Write(frame)
		end := time.Now().Add(2900 * time.Microsecond)
		for {
			f := readN(p, 7, time.Until(end))
			if len(f) < 7 {
				break
			}
			if f[5]&0x7c == n%31<<2 {
				h := headers[f[5]&3]
				copy(h[76:], f[:4])
				if _, ok := meets(bitcoin.DoubleHash(h[:]), c.Zeros(), 0); !ok {
					t.Fatalf("answer %x to work %d: no solution", f, n)
				}
			}
			got++
		}
	}
	got += len(readFor(t, p, 100*time.Millisecond)) / 7
	seconds := 100*0.0029 + 0.1 // the chips go on with the last work
	want := seconds * 650e6 * 114 * 63 / math.Exp2(32)
	if s := math.Sqrt(want); math.Abs(float64(got)-want) > 4*s {
		t.Errorf("%d results, want %.0f", got, want)
	}
}

// A stick with two chips, as cgminer drives it: nobody writes a PLL, ids are one
// apart, and each chip has half of the nonces.
func TestBM1387Stick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, Config{Model: "BM1387", Chips: 2, Zeros: 14})
		p := c.Port()
		send := func(b ...byte) { p.Write(append(b, crc5(b, 8*len(b)))) }
		send(0x55, 5, 0, 0)
		send(0x41, 5, 0, 0)
		send(0x41, 5, 128, 0)
		send(0x44, 5, 128, 0x0c)
		if got := readFor(t, p, 20*time.Millisecond); !bytes.Contains(got, []byte{0x80, 0x60, 0x01, 0x61, 0, 0}) {
			t.Errorf("the second chip's PLL reads % x, want a value without address and register", got)
		}
		open, _ := midstateJob(0, [80]byte{72: 0xff, 0xff, 0xff, 0xff}, 1)
		for range 114 {
			p.Write(open)
			time.Sleep(5 * time.Millisecond)
		}
		readFor(t, p, 200*time.Millisecond) // the last open-core job ends
		var places [2]map[byte]bool
		for i := range places {
			places[i] = map[byte]bool{}
		}
		var jobs [128][][80]byte
		var stream []byte
		results := 0
		for id := range byte(100) {
			header := someHeader(id)
			frame, headers := midstateJob(id, header, 4)
			jobs[id] = headers
			p.Write(frame)
			stream = append(stream, readFor(t, p, 150*time.Millisecond)...)
			for ; len(stream) >= 7; stream = stream[7:] {
				f := stream[:7]
				if !solves(f, jobs[:], c.Zeros()) {
					t.Fatalf("answer % x solves nothing with an index taken off its id", f)
				}
				places[f[0]>>7][f[0]] = true
				results++
			}
		}
		want := 15 * 400e6 * 114 * 2 / math.Exp2(32)
		if math.Abs(float64(results)-want) > 4*math.Sqrt(want) {
			t.Errorf("%d results, want %.0f: 400 MHz after a reset", results, want)
		}
		if len(places[0]) < 40 || len(places[1]) < 40 {
			t.Errorf("nonces begin with %d and %d numbers, want all of both halves", len(places[0]), len(places[1]))
		}
	})
}

// solves finds the job of an answer as cgminer does: midstate i of job id - i.
func solves(f []byte, jobs [][][80]byte, zeros int) bool {
	for i := range 4 {
		id := int(f[5]) - i
		if id < 0 || jobs[id] == nil {
			continue
		}
		h := jobs[id][i]
		copy(h[76:], f[:4])
		if _, ok := meets(bitcoin.DoubleHash(h[:]), zeros, 0); ok {
			return true
		}
	}
	return false
}

package bm13xx

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
	"periph.io/x/conn/v3/physic"
)

// What ESP-Miner does with a chain that is up: nonce space, version masks, reads,
// and the clock up from 50 to 75 MHz and back to 62.5.
func TestESPMisc(t *testing.T) {
	type vector struct {
		Chip   string
		Chips  int
		Events []event
	}
	eachFile(t, "esp-misc", func(t *testing.T, file vectors[vector]) {
		for _, v := range file.Vectors {
			m, err := ParseModel(v.Chip)
			if err != nil {
				t.Fatal(err)
			}
			var want []sending
			for _, e := range v.Events {
				if e.kind == "tx" {
					want = append(want, sending{frame: string(e.data)})
				}
			}
			synctest.Test(t, func(t *testing.T) { compare(t, misc(t, m, v.Chips), want) })
		}
	})
}

func misc(t *testing.T, m Model, chips int) []sending {
	t.Helper()
	line, c, ctx := newFakeLine(m, chips), bench(t, m), t.Context()
	c.port = line
	c.setCount(chips)
	for i := range c.clocks {
		c.clocks[i] = resetClock
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	reads := []Reg{0x04, 0x4c}
	if m.spec().rolls {
		do(c.writeHashCount(ctx))
		for _, mask := range []uint32{0x1fffe000, 0x00ffe000, 0x3fffe000 & rolledBits, 0} {
			v, err := NewVersionMask(mask)
			do(err)
			do(c.writeAll(ctx, RegVersion, v.Register()))
		}
		reads = []Reg{0x4c, 0x88, 0x89, 0x8a, 0x8b, 0x8c}
	}
	for _, r := range reads {
		do(c.command(ctx, Command{Op: OpRead, All: true, Reg: r}, 0))
	}
	for _, target := range []physic.Frequency{75 * mhz, 62500 * physic.KiloHertz} {
		for c.clocks[0] != target {
			do(c.setClock(ctx, allChips, towards(c.clocks[0], target)))
		}
	}
	return line.sendings()
}

// Responses as ESP-Miner decodes them, and those that it refuses.
func TestESPReceive(t *testing.T) {
	type decoded struct {
		Recv    *string
		JobID   uint8 `json:"job_id"`
		Nonce   hexBytes
		Version hexBytes `json:"rolled_version"`
		ASIC    int
		Core    int
		Diff    float64
	}
	type vector struct {
		Chip, Name string
		Chips      int
		Jobs       []hexBytes `json:"job_frames"`
		RX         []struct {
			Hex     hexBytes
			Decoded decoded
		}
	}
	eachFile(t, "esp-recv", func(t *testing.T, file vectors[vector]) {
		for _, v := range file.Vectors {
			m, err := ParseModel(v.Chip)
			if err != nil {
				t.Fatal(err)
			}
			r := bench(t, m)
			var found []hashing.Solution
			r.found = func(s hashing.Solution) { found = append(found, s) }
			for i, frame := range v.Jobs {
				if !m.spec().rolls {
					continue
				}
				h := headerOfJob(frame)
				r.jobs.id = (frame[4] - m.spec().idStep) % idSpace
				work := hashing.Work{ID: uint64(i), Header: h, VersionMask: rolledBits, Target: r.target}
				if _, err := r.send(t.Context(), &work); err != nil {
					t.Fatal(err)
				}
			}
			for _, rx := range v.RX {
				found = nil
				resp, ok := parseResponse(rx.Hex)
				if ok {
					r.take(resp, time.Now())
				}
				if rx.Decoded.Recv == nil {
					if len(found) != 0 {
						t.Errorf("%s: %x is taken", v.Name, rx.Hex)
					}
					continue
				}
				want := hashing.Solution{
					Work: uint64(len(v.Jobs) - 1), Nonce: be32(rx.Decoded.Nonce),
					Version: be32(rx.Decoded.Version), NTime: r.jobs.slots[rx.Decoded.JobID].work.Header.NTime,
				}
				o := m.Origin(resp.Nonce, v.Chips)
				if len(found) != 1 || found[0] != want || o.Core != rx.Decoded.Core || o.Chip != rx.Decoded.ASIC {
					t.Errorf("%s: %x gives %+v of %+v, want %+v", v.Name, rx.Hex, found, o, want)
				}
			}
		}
	})
}

// Eleven minutes of a BM1366: each result hashes, is of the core that the log
// says, and comes when the law of the sweep says.
func TestTimeline(t *testing.T) {
	type timeline struct {
		Job     hexBytes `json:"job_frame"`
		MHz     float64  `json:"hash_mhz"`
		Count   uint32   `json:"hash_counting_number"`
		Mask    uint64   `json:"ticket_mask_value"`
		Repeats float64  `json:"sweep_repeats_after_ms"`
		Results []struct {
			Millis  float64 `json:"t_ms"`
			Nonce   hexBytes
			Version hexBytes
			Core    int

			Index   float64 `json:"version_index"`
			Counter float64 `json:"counter25"`
		}
	}
	eachFile(t, "timeline-bm1366", func(t *testing.T, file timeline) {
		ticket, err := NewTicketMask(file.Mask + 1)
		if err != nil {
			t.Fatal(err)
		}
		count := HashCount{n: file.Count}
		group := float64(count.Group()) / float64(time.Millisecond)
		for _, res := range file.Results {
			h := headerOfJob(file.Job)
			h.Nonce, h.Version = be32(res.Nonce), be32(res.Version)
			if !ticket.Target(32).MetBy(h.Hash()) {
				t.Errorf("%x: %v misses the ticket", res.Nonce, h.Hash())
			}
			if o := BM1366.Origin(h.Nonce, 1); o.Core != res.Core || o.Chip != 0 {
				t.Errorf("%x: %+v, want core %d", res.Nonce, o, res.Core)
			}
			due := math.Floor(res.Index/8)*group + res.Counter/file.MHz/1000 + 8
			if math.Abs(due-res.Millis) > 10 {
				t.Errorf("%x: came at %.0f ms, the law says %.0f", res.Nonce, res.Millis, due)
			}
		}
		f := physic.Frequency(file.MHz) * mhz
		sweep := BM1366.spec().sweep(1, 16, 0, count, f)
		if d := float64(sweep)/float64(time.Millisecond) - file.Repeats; math.Abs(d) > 10 {
			t.Errorf("a sweep takes %v, the log says %v ms", sweep, file.Repeats)
		}
	})
}

// Two chips of a USB stick, by skot's script: what is the same in any bring-up of
// a BM1387, and the jobs that open its cores.
func TestBM1387Script(t *testing.T) {
	type trace struct{ Events []event }
	eachFile(t, "bm1387-usb-script", func(t *testing.T, tr trace) {
		synctest.Test(t, func(t *testing.T) {
			line := newFakeLine(BM1387, 2)
			if _, err := New(t.Context(), line, BM1387, Options{Chips: 2, Frequency: 50 * mhz}); err != nil {
				t.Fatal(err)
			}
			sent := make(map[string]bool)
			for _, s := range line.sent {
				sent[string(s.frame)] = true
			}
			jobs := 0
			for _, e := range tr.Events {
				cmd, err := WireBare.Parse(e.data)
				switch {
				case e.kind != "tx":
				case err == nil && (cmd.Op == OpWrite || cmd.Op == OpSetAddress && cmd.Chip != 0):
					// its address step is 128, its settings are for another rate
				case err != nil && len(e.data) != 54: // two commands with a wrong CRC
				case err != nil && (e.data[2] >= 114 || le32(e.data[8:]) != 1<<32-1):
					// it opens 116, and sends two real jobs
				case !sent[string(e.data)]:
					t.Errorf("%x was not sent", []byte(e.data))
				case err != nil:
					jobs++
				}
			}
			if jobs != BM1387.spec().cores {
				t.Errorf("%d jobs open cores, want %d", jobs, BM1387.spec().cores)
			}
		})
	})
}

// Every frame of other projects' sequences is one of ours, taken apart and put
// together again; what ESP-Miner writes to a BM1366 core is there.
func TestSequences(t *testing.T) {
	type file struct {
		Sequences []struct {
			Fn    string
			Steps []struct {
				Hex hexBytes
				OK  bool `json:"crc_ok"`
			}
		}
	}
	eachFile(t, "sequences-bm13xx-rs", func(t *testing.T, f file) {
		for _, s := range f.Sequences {
			for _, st := range s.Steps {
				c, err := WireFramed.Parse(st.Hex)
				if (err == nil) != st.OK {
					t.Errorf("%s: %x: %v, want good %v", s.Fn, st.Hex, err, st.OK)
				}
				if b := WireFramed.Append(nil, c); err == nil && string(b) != string(st.Hex) {
					t.Errorf("%s: %x, want %x", s.Fn, b, st.Hex)
				}
			}
		}
	})
}

// A header's word order is undone by nothing but its own reverse.
func TestJobWordOrder(t *testing.T) {
	var h bitcoin.Header
	for i := range h.PrevHash {
		h.PrevHash[i], h.MerkleRoot[i] = byte(i), byte(0x80+i)
	}
	h.Version, h.NTime, h.NBits = 0x01020304, 0x11121314, 0x21222324
	if got := headerOfJob(appendHeaderJob(nil, 0, &h)); got != h {
		t.Errorf("%+v, want %+v", got, h)
	}
}

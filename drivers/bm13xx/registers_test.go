package bm13xx

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strconv"
	"strings"
	"testing"

	"github.com/lodefw/lode/bitcoin"
	"periph.io/x/conn/v3/physic"
)

func megahertz(t *testing.T, s string) physic.Frequency {
	t.Helper()
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return physic.Frequency(f*1e6+0.5) * physic.Hertz
}

// Every choice of ESP-Miner's is ours too, byte for byte, but for those beyond the
// VCO limit: it takes REF 1 for odd clocks above 750 MHz, a VCO of 4 to 6 GHz.
func TestPLLCaptures(t *testing.T) {
	equal, beyond := 0, 0
	eachRow(t, "esp-pll-", func(t *testing.T, path string, row []string) {
		name := path[strings.Index(path, "esp-pll-")+len("esp-pll-"):]
		model, err := ParseModel(strings.TrimSuffix(name, ".csv"))
		if err != nil {
			t.Fatal(err)
		}
		var frame hexBytes
		if err := frame.UnmarshalText([]byte(row[2])); err != nil {
			t.Fatalf("%s: frame %q", path, row[2])
		}
		theirs, err := WireFramed.Parse(frame)
		if err != nil {
			t.Fatal(err)
		}
		pll, err := model.PLL(megahertz(t, row[0]))
		if err != nil {
			t.Fatalf("%v at %s MHz: %v", model, row[0], err)
		}
		vco := crystal * physic.Frequency(theirs.Value>>16&0xff) / physic.Frequency(theirs.Value>>8&0xff)
		switch limit := model.spec().pll.maxVCO; {
		case pll.Register() == theirs.Value:
			equal++
		case limit != 0 && vco > limit:
			beyond++
		default:
			t.Errorf("%v at %s MHz: %08x (%v), ESP-Miner %08x", model, row[0], pll.Register(), pll, theirs.Value)
		}
	})
	t.Logf("%d settings are ESP-Miner's, %d of its are beyond the limits", equal, beyond)
}

func TestBM1387PLL(t *testing.T) {
	eachRow(t, "bm1387-pll", func(t *testing.T, path string, row []string) {
		f := megahertz(t, row[6])
		pll, err := BM1387.PLL(f)
		if f > 800*mhz {
			if err == nil {
				t.Errorf("BM1387.PLL(%v) = %v, want an error", f, pll)
			}
			return
		}
		if err != nil || distance(pll.Frequency(), f) > 100*physic.Hertz {
			t.Errorf("BM1387.PLL(%v) = %v, %v", f, pll, err)
		}
	})
	pll, err := BM1387.PLL(650 * mhz)
	if err != nil || pll.Register() != 0x680221 {
		t.Errorf("BM1387 at 650 MHz: %06x, %v, want 680221", pll.Register(), err)
	}
}

// No frequency in a chip's range, however odd, gives dividers beyond its limits.
func TestPLLLimits(t *testing.T) {
	for _, m := range Models() {
		s := m.spec()
		for f := s.minClock; f <= s.maxClock; f += 1_234_567 * physic.Hertz {
			p, err := m.PLL(f)
			if err != nil {
				t.Fatalf("%v at %v: %v", m, f, err)
			}
			if p.fb < s.pll.minFB || p.fb > s.pll.maxFB || p.post1 < p.post2 || p.post1 > 7 || p.ref < 1 || p.ref > 2 {
				t.Errorf("%v at %v: %v is beyond the limits", m, f, p)
			}
			if d := distance(p.Frequency(), f); d > f/50 {
				t.Errorf("%v at %v: %v is %v off", m, f, p, d)
			}
		}
		for _, f := range []physic.Frequency{0, s.minClock - 1, s.maxClock + 1} {
			if p, err := m.PLL(f); err == nil {
				t.Errorf("%v.PLL(%v) = %v, want an error", m, f, p)
			}
		}
	}
}

func TestTicketCaptures(t *testing.T) {
	type vector struct {
		Difficulty uint64
		Bytes      hexBytes `json:"register_bytes"`
		Frame      hexBytes
		Mask       uint64 `json:"mask_value"`
	}
	eachFile(t, "ticket-mask", func(t *testing.T, file vectors[vector]) {
		for _, v := range file.Vectors {
			mask, err := NewTicketMask(v.Difficulty)
			if err != nil || mask.Register() != be32(v.Bytes) || mask.Difficulty() != v.Mask+1 {
				t.Errorf("ticket of %d = %08x (%d), %v, want %x", v.Difficulty, mask.Register(), mask.Difficulty(), err, v.Bytes)
			}
			frame := WireFramed.Append(nil, Command{Op: OpWrite, All: true, Reg: RegTicketMask, Value: mask.Register()})
			if !bytes.Equal(frame, v.Frame) {
				t.Errorf("ticket of %d: %x, want %x", v.Difficulty, frame, v.Frame)
			}
		}
	})
	for _, d := range []uint64{0, 1 << 32} {
		if mask, err := NewTicketMask(d); err == nil {
			t.Errorf("NewTicketMask(%d) = %v, want an error", d, mask)
		}
	}
}

// The target accepts just what the bit test accepts.
func TestTicketTarget(t *testing.T) {
	for _, c := range []struct {
		difficulty uint64
		wired      int
		zero       int
	}{{1, 32, 32}, {256, 32, 40}, {512, 32, 41}, {1024, 20, 30}, {1 << 31, 32, 63}} {
		mask, err := NewTicketMask(c.difficulty)
		if err != nil {
			t.Fatal(err)
		}
		target := mask.Target(c.wired)
		var h bitcoin.Hash
		for bit := range 256 {
			h = bitcoin.Hash{}
			h[bit/8] = 1 << (bit % 8)
			if want := bit < 256-c.zero; target.MetBy(h) != want {
				t.Errorf("difficulty %d, %d wired: bit %d accepted is %v", c.difficulty, c.wired, bit, !want)
			}
		}
	}
}

func TestVersionMask(t *testing.T) {
	for mask, want := range map[uint32]uint32{0x1fffe000: 0x9000ffff, 0x00ffe000: 0x900007ff, 0: 0x90000000} {
		v, err := NewVersionMask(mask)
		if err != nil || v.Register() != want {
			t.Errorf("mask %08x: %08x, %v, want %08x", mask, v.Register(), err, want)
		}
	}
	if _, err := NewVersionMask(0x3fffe000); err == nil {
		t.Error("bit 29 is taken")
	}
}

func TestOrigin(t *testing.T) {
	type vector struct {
		Chip    string
		Header  string `json:"nonce_as_header_be"`
		Nonce   string
		LE      string `json:"nonce_le"`
		Core    *int
		Index   *int `json:"chip_index"`
		Address *int `json:"chip_address"`
		Length  int  `json:"chain_length"`
	}
	eachFile(t, "nonce-to-core", func(t *testing.T, file vectors[vector]) {
		for _, v := range file.Vectors {
			model := BM1370
			if m, err := ParseModel(v.Chip); err == nil {
				model = m
			}
			n, err := strconv.ParseUint(v.Header+v.Nonce+v.LE, 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			nonce := bits.ReverseBytes32(uint32(n))
			if v.LE != "" {
				nonce = uint32(n)
			}
			got := model.Origin(nonce, 256)
			if v.Length != 0 {
				got = offsetOrigin(nonce, v.Length)
			}
			if v.Core != nil && got.Core != *v.Core || v.Index != nil && got.Chip != *v.Index ||
				v.Address != nil && got.Chip != *v.Address {
				t.Errorf("%+v: %+v", v, got)
			}
		}
	})
}

func TestOffsets(t *testing.T) {
	for k, want := range map[int]uint16{0: 0, 1: 0x3f1, 2: 0x7e1, 3: 0xbd1, 4: 0xfc1, 5: 0x13b2, 64: 0xfc10} {
		if got := offset(k, 65); got != want {
			t.Errorf("offset of chip %d of 65 = %04x, want %04x", k, got, want)
		}
	}
	for chips := 1; chips <= 256; chips++ {
		for k := range chips {
			n := uint32(offset(k, chips)) << 9
			if got := offsetOrigin(bits.ReverseBytes32(n), chips); got.Chip != k {
				t.Fatalf("first nonce of chip %d of %d: %+v", k, chips, got)
			}
		}
	}
}

// The headers of solved jobs: our frame, our reading of the response, and the hash.
func TestSolutions(t *testing.T) {
	type vector struct {
		Name     string
		Header80 hexBytes
		JobFrame hexBytes `json:"job_frame"`
		Response hexBytes
		Ticket   uint64 `json:"ticket_difficulty"`
		Excess   uint8  `json:"excess_difficulty_byte"`
		JobID    uint8  `json:"job_id"`
	}
	eachFile(t, "solutions", func(t *testing.T, file vectors[vector]) {
		for _, v := range file.Vectors {
			if v.Response == nil {
				continue
			}
			want, err := bitcoin.ParseHeader(v.Header80)
			if err != nil {
				t.Fatal(err)
			}
			job := headerOfJob(v.JobFrame)
			resp, ok := parseResponse(v.Response)
			if !ok {
				t.Fatalf("%s: response %x", v.Name, v.Response)
			}
			if id := BM1370.spec().idOf(resp.Slot); id != v.JobID {
				t.Errorf("%s: job id %d, want %d", v.Name, id, v.JobID)
			}
			job.Nonce, job.Version = resp.Nonce, job.Version|uint32(resp.Version)<<rolledShift
			if job != want {
				t.Errorf("%s: header %+v, want %+v", v.Name, job, want)
			}
			mask, _ := NewTicketMask(v.Ticket)
			hash := job.Hash()
			if !mask.Target(32).MetBy(hash) {
				t.Errorf("%s: hash %v misses the ticket", v.Name, hash)
			}
			beyond := bits.LeadingZeros64(binary.LittleEndian.Uint64(hash[24:])) - 32 - int(mask.k)
			if 2*beyond != int(resp.Excess) {
				t.Errorf("%s: %d zero bits beyond the ticket, excess byte %d", v.Name, beyond, resp.Excess)
			}
		}
	})
}

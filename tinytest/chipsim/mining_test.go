package chipsim

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/internal/captures"
)

// host is a scripted host: it sends commands and takes answers apart.
type host struct {
	t *testing.T
	p *Port
}

func (h host) cmd(b ...byte) {
	h.t.Helper()
	b = append(b, crc5(b, 8*len(b)))
	if _, err := h.p.Write(append([]byte{0x55, 0xaa}, b...)); err != nil {
		h.t.Fatal(err)
	}
}

func (h host) all(r byte, v uint32) {
	h.cmd(binary.BigEndian.AppendUint32([]byte{0x51, 9, 0, r}, v)...)
}

func (h host) one(a, r byte, v uint32) {
	h.cmd(binary.BigEndian.AppendUint32([]byte{0x41, 9, a, r}, v)...)
}

// headerJob is a job frame for a header.
func headerJob(id byte, b [80]byte) []byte {
	f := []byte{0x21, 0x56, id, 1, 0, 0, 0, 0}
	f = append(f, b[72:76]...)
	f = append(f, b[68:72]...)
	for _, part := range [][]byte{b[36:68], b[4:36]} {
		for i := 28; i >= 0; i -= 4 {
			f = append(f, part[i:i+4]...)
		}
	}
	f = append(f, b[:4]...)
	f = binary.BigEndian.AppendUint16(f, crc16(f))
	return append([]byte{0x55, 0xaa}, f...)
}

// bringUp makes a chain of a newer model hash at a clock: addresses, rolling,
// reporting, ticket mask, clock, counting number. Host and chips stay at the
// start rate.
func (h host) bringUp(chips int, step int, pll, hcn, ticket uint32) {
	h.all(regVersion, 0x9000ffff)
	h.cmd(0x53, 5, 0, 0)
	for i := range chips {
		h.cmd(0x40, 5, byte(i*step), 0)
	}
	h.all(0x18, 0xf000c100)
	h.all(0x14, ticket)
	h.all(0x08, pll)
	time.Sleep(100 * time.Millisecond)
	h.all(0x10, hcn)
	time.Sleep(100 * time.Millisecond)
}

// result is a nonce answer and when it came.
type result struct {
	at      time.Time
	nonce   [4]byte
	excess  byte
	job     byte
	version uint16
}

// results reads answers of eleven bytes until the time is over.
func (h host) results(until time.Time) (list []result) {
	h.t.Helper()
	h.p.SetReadDeadline(until)
	var buf []byte
	for {
		b := make([]byte, 64)
		n, err := h.p.Read(b)
		if err != nil {
			return list
		}
		for buf = append(buf, b[:n]...); len(buf) >= 11; buf = buf[11:] {
			f := buf[:11]
			if f[0] != 0xaa || f[1] != 0x55 || crc5(f[2:], 72) != 0 || f[10]>>5 != typeNonce {
				h.t.Fatalf("frame %x", f)
			}
			list = append(list, result{time.Now(), [4]byte(f[2:6]), f[6], f[7], binary.BigEndian.Uint16(f[8:])})
		}
	}
}

func TestTimelineOfBM1366(t *testing.T) {
	var f struct {
		JobFrame string `json:"job_frame"`
		Header   string `json:"header80_base"`
		HCN      uint32 `json:"hash_counting_number"`
		Repeats  int    `json:"sweep_repeats_after_ms"`
		Results  []struct {
			T              int `json:"t_ms"`
			Nonce, Version string
		}
	}
	load(t, captures.Files(t, "timeline-bm1366-", ".json")[0], &f)
	base := unhex(t, f.Header)
	cfg := Config{Model: "BM1366", Zeros: 32}
	for _, r := range f.Results {
		b := append([]byte(nil), base...)
		var version uint32
		fmt.Sscanf(r.Version, "%x", &version)
		binary.LittleEndian.PutUint32(b, version)
		copy(b[76:], unhex(t, r.Nonce))
		slices.Reverse(b[76:]) // the log prints it as a number
		cfg.Solutions = append(cfg.Solutions, Solution{Header: b})
	}
	for _, chips := range []int{1, 4, 77} {
		t.Run(fmt.Sprint(chips, " chips"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := cfg
				cfg.Chips = chips
				c := newChain(t, cfg)
				h := host{t, c.Port()}
				hcn, step := f.HCN, 0
				if chips > 1 {
					step = 256 / chips
					hcn = uint32(float64(1<<17*step) * 25 / (2 * 550))
				}
				h.bringUp(chips, max(step, 1), 0x40b00230, hcn, 0x0000c0ff)
				h.p.Write([]byte{0x55, 0xaa, 0x51, 9, 0, 0x28, 0x11, 0x30, 2, 0, 3})
				h.p.SetBaud(1e6)
				sent := time.Now()
				if _, err := h.p.Write(unhex(t, f.JobFrame)); err != nil {
					t.Fatal(err)
				}
				got := h.results(sent.Add(690 * time.Second))
				if chips > 1 {
					checkSplit(t, got, len(f.Results), chips)
					return
				}
				if len(got) < len(f.Results)+1 {
					t.Fatalf("%d results, want %d and a repetition", len(got), len(f.Results))
				}
				worst := 0.0
				for i, want := range f.Results {
					off := got[i].at.Sub(sent).Seconds()*1000 - float64(want.T)
					if fmt.Sprintf("%08x", binary.LittleEndian.Uint32(got[i].nonce[:])) != want.Nonce || math.Abs(off) > 10 {
						t.Errorf("result %d: %x at %+.1f ms, want %s", i, got[i].nonce, off, want.Nonce)
					}
					worst = max(worst, math.Abs(off))
				}
				again := got[len(f.Results)]
				if d := again.at.Sub(got[0].at).Milliseconds(); again.nonce != got[0].nonce || d < int64(f.Repeats)-10 || d > int64(f.Repeats)+10 {
					t.Errorf("repetition after %d ms: %x", d, again.nonce)
				}
				t.Logf("57 results within %.1f ms of the log", worst)
			})
		})
	}
}

// checkSplit: over any chain the nonces are the same, from other chips and at
// other times.
func checkSplit(t *testing.T, got []result, want, chips int) {
	t.Helper()
	seen := map[[4]byte]int{}
	for _, r := range got {
		seen[r.nonce]++
	}
	if len(seen) < want*9/10 || len(seen) > want {
		t.Errorf("%d nonces over %d chips, want nearly %d", len(seen), chips, want)
	}
}

func TestGammaRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f struct {
			Vectors []struct{ Name, Header80, Job_frame, Response string }
		}
		load(t, "testdata/captures/solutions.json", &f)
		v := f.Vectors[0]
		c := newChain(t, Config{Model: "BM1370", Zeros: 32, Solutions: []Solution{{Header: unhex(t, v.Header80)}}})
		h := host{t, c.Port()}
		h.bringUp(1, 1, 0x40a80230, 0x1eb5, 0x000000ff)
		h.p.Write(unhex(t, v.Job_frame))
		if got := readN(h.p, 11, 10*time.Second); hex.EncodeToString(got) != v.Response {
			t.Errorf("answer %x, want %s", got, v.Response)
		}
	})
}

// someHeader is a header without a meaning.
func someHeader(n byte) (b [80]byte) {
	h := bitcoin.Header{Version: 0x20000000, NTime: 1700000000, NBits: 0x17031abc}
	h.PrevHash[0], h.MerkleRoot[0] = 1, n
	h.Put(&b)
	return b
}

// Thin hashes: results are real, at the rate that the clock gives, on every chip,
// each once, under versions and nonces that are the chip's.
func TestThinHash(t *testing.T) {
	for _, m := range []struct {
		model string
		pll   uint32
		mhz   float64
		z     int
	}{{"BM1366", 0x40a00230, 500, 8}, {"BM1370", 0x40a00230, 500, 7}, {"BM1368", 0x40a00230, 500, 8}, {"BM1362", 0x40a00230, 500, 9}, {"BM1372", 0x40a80260, 300, 8}} {
		t.Run(m.model, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const chips, mask = 4, 15
				c := newChain(t, Config{Model: m.model, Chips: chips, Zeros: m.z, Seed: 1})
				h := host{t, c.Port()}
				hcn := uint32(1 << 25 / chips * 25 / (2 * m.mhz))
				h.bringUp(chips, 256/chips, m.pll, hcn, 0x000000f0)
				header := someHeader(1)
				start := time.Now()
				h.p.Write(headerJob(8, header))
				const seconds = 10
				checkThin(t, c, h.results(start.Add(seconds*time.Second)), header, m.mhz*1e6*chips*float64(c.m.working)*seconds)
			})
		})
	}
}

func checkThin(t *testing.T, c *Chain, got []result, header [80]byte, hashes float64) {
	t.Helper()
	want := hashes / math.Exp2(36)
	if s := math.Sqrt(want); math.Abs(float64(len(got))-want) > 4*s {
		t.Errorf("%d results, want %.0f", len(got), want)
	}
	seen, perChip := map[result]bool{}, map[uint32]int{}
	for _, r := range got {
		h := header
		binary.LittleEndian.PutUint32(h[:], 0x20000000|uint32(r.version)<<13)
		copy(h[76:], r.nonce[:])
		excess, ok := meets(bitcoin.DoubleHash(h[:]), c.Zeros(), 0xf0000000)
		if !ok || excess != r.excess {
			t.Fatalf("%+v: no solution, or not with excess %d", r, excess)
		}
		r.at = time.Time{}
		if seen[r] {
			t.Errorf("%+v came twice", r)
		}
		seen[r] = true
		perChip[binary.BigEndian.Uint32(r.nonce[:])>>17&0xff>>6]++
		small := byte(r.version) & (1<<c.m.smallBits - 1)
		if r.job != 8&c.m.idMask<<c.m.idShift|small {
			t.Errorf("job byte %02x for version %04x", r.job, r.version)
		}
	}
	for chip, n := range perChip {
		if float64(n) < want/8 {
			t.Errorf("chip %d found %d of %d", chip, n, len(got))
		}
	}
}

// The same job again, and the same sweep again, give the same results.
func TestSameJobSameResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, Config{Model: "BM1366", Zeros: 8})
		h := host{t, c.Port()}
		h.bringUp(1, 1, 0x40a00230, 0x151c, 0x00000080) // a sweep takes 3.59 s
		var runs [3][]result
		for i := range 2 {
			h.p.Write(headerJob(8, someHeader(2)))
			runs[i] = h.results(time.Now().Add(3 * time.Second))
			for k := range runs[i] {
				runs[i][k].at = time.Time{}
			}
		}
		runs[2] = h.results(time.Now().Add(4 * time.Second)) // second lap
		for k, r := range runs[0] {
			if k >= len(runs[1]) || runs[1][k] != r {
				t.Fatalf("result %d differs when the job is sent again", k)
			}
		}
		lap := map[[4]byte]bool{}
		for _, r := range runs[2] {
			lap[r.nonce] = true
		}
		n := 0
		for _, r := range runs[0] {
			if lap[r.nonce] {
				n++
			}
		}
		if len(runs[0]) < 5 || n < len(runs[0])-3 {
			t.Errorf("%d results, %d of them again in the second lap", len(runs[0]), n)
		}
		if k := kinds(c); k[SameJob] != 1 || k[SweepOver] != 1 {
			t.Errorf("reports %v, want one same-job and one sweep-over", k)
		}
	})
}

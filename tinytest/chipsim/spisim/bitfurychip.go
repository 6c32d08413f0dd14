package spisim

import (
	"math/bits"
	"math/rand/v2"
	"time"

	"github.com/lodefw/lode/hashing/sha256d"
)

// The sweep: 2^22 steps, at each of which every core tries the nonce whose high
// ten bits are its number and whose low ones are the step.
const (
	bitfuryStepBits = 22
	bitfurySteps    = 1 << bitfuryStepBits
	// bitfuryStepRate is steps in a second for each bit of the oscillator: 54
	// bits make 2.5 GH/s with 756 cores. That it is linear is a guess.
	bitfuryStepRate = 2.5e9 / 756 / 54
	// bitfuryCounterCore has no nonces: its words are the speed counter.
	bitfuryCounterCore = 0xdf800000 >> bitfuryStepBits
	bitfuryOn          = 0xe3596ac1 // the bytes C1 6A 59 E3
)

// bitfuryChip is one chip.
type bitfuryChip struct {
	chain *Bitfury
	rand  *rand.Rand
	fault BitfuryFault
	stats BitfuryStats

	oscillator int
	on         bool
	written    uint // parts of the set-up, one bit each

	job, waiting [19]uint32
	fresh        bool // waiting is not the job that runs
	swept        bool // job is one that was given
	began        time.Time
	done         uint64 // steps of the job
	due          uint64 // step of the next hit
	search       *searcher

	ring   [16]uint32
	at     int // where the next nonce goes, and the counter is
	toggle uint32
}

func newBitfuryChip(c *Bitfury, r *rand.Rand) *bitfuryChip {
	return &bitfuryChip{chain: c, rand: r, search: newSearcher()}
}

func (ch *bitfuryChip) running() bool { return ch.on && ch.swept && ch.oscillator > 0 }

// rate is in steps per second.
func (ch *bitfuryChip) rate() float64 { return float64(ch.oscillator) * bitfuryStepRate }

// The set-up's places, in the order of bits in written.
func bitfuryPlaces() []uint16 { return []uint16{0x6000, 0x0100, 0x1000, 0x1400, 0x1900} }

// write takes words at an address and gives what was there.
func (ch *bitfuryChip) write(at uint16, in, out []uint32, now time.Time) {
	for i, place := range bitfuryPlaces() {
		if at == place {
			ch.written |= 1 << i
		}
	}
	switch {
	case at == 0x3000:
		ch.read(out)
		ch.give(in, now)
	case at == 0x6000:
		ch.setOscillator(in, now)
	case at == 0x1900:
		ch.stats.SetUps++
	case at >= 0x7000 && at <= 0x7160 && at%32 == 0:
		ch.configure(int(at-0x7000)/32, in, now)
	case at != 0x0100 && at != 0x1000 && at != 0x1400:
		ch.chain.report("write to address %04x", at)
	}
}

func (ch *bitfuryChip) setOscillator(in []uint32, now time.Time) {
	v := uint64(in[0])
	if len(in) > 1 {
		v |= uint64(in[1]) << 32
	}
	if v&(v+1) != 0 {
		ch.chain.report("oscillator %016x is no thermometer", v)
	}
	ch.oscillator = bits.OnesCount64(v)
	ch.restart(now)
}

func (ch *bitfuryChip) configure(n int, in []uint32, now time.Time) {
	if in[0] != 0 && in[0] != bitfuryOn {
		ch.chain.report("configuration %d is %08x", n, in[0])
	}
	if n == 4 {
		ch.on = in[0] == bitfuryOn
		ch.restart(now)
	}
}

// restart goes on from the step where the sweep is, at the rate of now.
func (ch *bitfuryChip) restart(now time.Time) {
	if rate := ch.rate(); rate > 0 {
		ch.began = now.Add(-time.Duration(float64(ch.done) / rate * float64(time.Second)))
	}
}

// read gives the ring and the toggle.
func (ch *bitfuryChip) read(out []uint32) {
	ch.ring[ch.at] = scramble(0xdf800000 | uint32(ch.done)&(bitfurySteps-1))
	shift := 0
	if ch.fault.Shift {
		shift = ch.rand.IntN(16)
	}
	for i := range min(16, len(out)) {
		out[i] = ch.ring[(i+shift)%16]
	}
	if len(out) > 16 {
		out[16] = ch.toggle
	}
	if ch.fault.Garbage {
		for i := range out {
			out[i] = ch.rand.Uint32()
		}
	}
}

// give keeps a job as the next one.
func (ch *bitfuryChip) give(in []uint32, now time.Time) {
	if len(in) != 19 {
		ch.chain.report("job of %d words", len(in))
		return
	}
	if ch.written != 1<<len(bitfuryPlaces())-1 {
		ch.chain.report("job before the set-up")
	}
	if !threeRoundsRight(in) {
		ch.chain.report("job's words 8 to 15 do not follow from the others")
	}
	if ch.swept && [19]uint32(in) == ch.job {
		return
	}
	ch.waiting, ch.fresh = [19]uint32(in), true
	if !ch.swept {
		ch.begin(now)
	}
}

// begin takes the job that waits, or the last one again.
func (ch *bitfuryChip) begin(now time.Time) {
	if ch.swept && (!ch.fresh || ch.fault.NoTake) {
		ch.stats.Repeated++
	} else {
		ch.job, ch.fresh = ch.waiting, false
		ch.toggle = ^ch.toggle
		ch.stats.Jobs++
	}
	ch.swept, ch.began, ch.done = true, now, 0
	t := task{mid: sha256d.State(ch.job[:8]), target: ch.chain.cfg.Target}
	for i, w := range ch.job[16:] {
		for j := range 4 {
			t.tail[4*i+j] = byte(w >> (24 - 8*j))
		}
	}
	ch.search.set(&t)
	ch.due = ch.gap()
}

func (ch *bitfuryChip) gap() uint64 {
	cfg := &ch.chain.cfg
	return gap(ch.rand, cfg.Scale*cfg.Target.Hashes()/float64(cfg.Cores))
}

// advance sweeps up to now.
func (ch *bitfuryChip) advance(now time.Time) {
	if !ch.running() || ch.fault.Dead {
		return
	}
	if ch.fault.Counter {
		ch.restart(now)
		return
	}
	rate := ch.rate()
	for {
		steps := min(uint64(max(0, now.Sub(ch.began).Seconds())*rate), bitfurySteps)
		ch.sweep(steps)
		if steps < bitfurySteps {
			return
		}
		ended := ch.began.Add(time.Duration(bitfurySteps / rate * float64(time.Second)))
		if ended.After(now) {
			ended = now
		}
		ch.begin(ended)
	}
}

func (ch *bitfuryChip) sweep(steps uint64) {
	if ch.fault.NoNonces {
		ch.done = max(ch.done, steps)
		return
	}
	for _, k := range ch.chain.cfg.Known {
		at := uint64(bits.ReverseBytes32(k.Nonce) & (bitfurySteps - 1))
		if k.Midstate == sha256d.State(ch.job[:8]) && at >= ch.done && at < steps {
			ch.push(bits.ReverseBytes32(k.Nonce))
		}
	}
	for !ch.chain.cfg.NoSearch && ch.due < steps {
		ch.hit(uint32(ch.due))
		ch.due += 1 + ch.gap()
	}
	ch.done = max(ch.done, steps)
}

// hit lets a core find a nonce at a step, or at one soon after.
func (ch *bitfuryChip) hit(step uint32) {
	core := ch.rand.Uint32N(uint32(ch.chain.cfg.Cores))
	if core >= bitfuryCounterCore {
		core++
	}
	for ; step < bitfurySteps; step++ {
		nonce := core<<bitfuryStepBits | step
		if ch.chain.cfg.Target.MetBy(ch.search.hash(bits.ReverseBytes32(nonce))) {
			ch.push(nonce)
			return
		}
	}
}

// push puts a nonce into the ring, off by one of the distances that the chips'
// nonces are off by.
func (ch *bitfuryChip) push(nonce uint32) {
	ch.stats.Found++
	if ch.fault.BadNonces > 0 && ch.rand.Float64() < ch.fault.BadNonces {
		nonce ^= 1 << ch.rand.UintN(22)
	}
	off := [...]uint32{0, 0xffc00000, 0xff800000, 0x02800000, 0x02c00000, 0x00400000}
	var word uint32
	for { // not one that looks like the counter
		base := nonce - off[ch.rand.IntN(len(off))]
		if word = scramble(base); base>>bitfuryStepBits != bitfuryCounterCore {
			break
		}
	}
	copies := 1
	if ch.fault.Twice {
		copies = 2
	}
	for range copies {
		ch.ring[ch.at] = word
		ch.at = (ch.at + 1) % len(ch.ring)
	}
}

// scramble makes the word that a chip reports for a nonce.
func scramble(nonce uint32) (word uint32) {
	nonce += 0x00800004
	rest := nonce<<2&0xfffffc | nonce>>23&1 | nonce>>22&1<<1
	for i := range 3 {
		word |= uint32(bits.Reverse8(byte(rest>>(8*i)))) << (8*i + 8)
	}
	return word | nonce>>24
}

// threeRoundsRight checks words 8 to 15 of a job: the state after three rounds of
// SHA-256 from the midstate with words 16 to 18, last word first.
func threeRoundsRight(job []uint32) bool {
	v := [8]uint32(job[:8])
	for i, k := range [3]uint32{0x428a2f98, 0x71374491, 0xb5c0fbcf} {
		sum1 := bits.RotateLeft32(v[4], 26) ^ bits.RotateLeft32(v[4], 21) ^ bits.RotateLeft32(v[4], 7)
		sum0 := bits.RotateLeft32(v[0], 30) ^ bits.RotateLeft32(v[0], 19) ^ bits.RotateLeft32(v[0], 10)
		choice := v[6] ^ v[4]&(v[5]^v[6])
		majority := v[0]&v[1] | v[2]&(v[0]|v[1])
		t := v[7] + sum1 + choice + k + job[16+i]
		v = [8]uint32{t + sum0 + majority, v[0], v[1], v[2], v[3] + t, v[4], v[5], v[6]}
	}
	for i := range v {
		if job[15-i] != v[i] {
			return false
		}
	}
	return true
}

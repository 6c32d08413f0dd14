package spisim

import (
	"math/big"
	"slices"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"periph.io/x/conn/v3/physic"
)

// run begins the job at the head of the queue.
func (ch *a1Chip) run(at time.Time) {
	j := &ch.queue[0]
	j.begun = at
	ch.search.set(&j.task)
	j.due = ch.gap(j)
}

// rate is in nonces per second: a core tries one each clock.
func (ch *a1Chip) rate() float64 {
	return float64(ch.cores) * float64(ch.clock()) / float64(physic.Hertz)
}

func (ch *a1Chip) gap(j *a1Job) uint64 {
	return gap(ch.rand, ch.chain.cfg.Scale*j.task.target.Hashes())
}

// eased is a target shifted up, or the easiest if it is too small for that.
func eased(t bitcoin.Target, bits uint) bitcoin.Target {
	slices.Reverse(t[:])
	v := new(big.Int).SetBytes(t[:])
	if v.Lsh(v, bits).BitLen() > 8*len(t) {
		return bitcoin.MaxTarget()
	}
	v.FillBytes(t[:])
	slices.Reverse(t[:])
	return t
}

func (j *a1Job) size() uint64 { return uint64(j.end-j.start) + 1 }

// advance sweeps up to now: through the jobs in the queue, from hit to hit.
func (ch *a1Chip) advance(now time.Time) {
	rate := ch.rate()
	if rate == 0 || ch.fault.NoNonces || ch.fault.Dead || ch.fault.Mute {
		return
	}
	for ch.jobs > 0 {
		j := &ch.queue[0]
		tried := min(uint64(max(0, now.Sub(j.begun).Seconds())*rate), j.size())
		ch.sweep(j, tried)
		if tried < j.size() {
			return
		}
		ended := j.begun.Add(time.Duration(float64(j.size()) / rate * float64(time.Second)))
		if ended.After(now) {
			ended = now
		}
		ch.finish(ended)
	}
}

func (ch *a1Chip) finish(at time.Time) {
	ch.stats.Finished++
	ch.queue[0] = ch.queue[1]
	ch.jobs--
	if ch.jobs == 0 {
		ch.idleSince = at
		return
	}
	ch.run(at)
}

// sweep finds what is due in the nonces up to tried.
func (ch *a1Chip) sweep(j *a1Job, tried uint64) {
	ch.replay(j, tried)
	for !ch.chain.cfg.NoSearch && j.due < tried {
		start := j.start + uint32(j.due)
		nonce, ok := ch.search.from(start, j.size()-j.due)
		if !ok {
			j.due = j.size()
			break
		}
		ch.push(j.id, nonce)
		j.due = uint64(nonce-j.start) + 1 + ch.gap(j)
	}
	j.done = tried
}

// replay finds the known nonces that the sweep has passed since last time.
func (ch *a1Chip) replay(j *a1Job, tried uint64) {
	for _, k := range ch.chain.cfg.Known {
		at := uint64(k.Nonce - j.start)
		if k.Midstate == j.task.mid && at >= j.done && at < tried {
			ch.push(j.id, k.Nonce)
		}
	}
}

// push queues a result, as the chip's fault has it.
func (ch *a1Chip) push(id uint16, nonce uint32) {
	ch.stats.Found++
	r := a1Result{id: id, chip: ch.number, nonce: nonce}
	if ch.fault.BadNonces > 0 && ch.rand.Float64() < ch.fault.BadNonces {
		r.nonce ^= 1 << ch.rand.UintN(32)
	}
	if ch.fault.WrongChip {
		r.chip--
	}
	copies := 1
	if ch.fault.Twice {
		copies = 2
	}
	for range copies {
		if ch.found == len(ch.results) {
			ch.stats.Lost++
			return
		}
		ch.results[ch.found] = r
		ch.found++
	}
}

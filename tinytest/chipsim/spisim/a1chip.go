package spisim

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"periph.io/x/conn/v3/physic"
)

// Words that follow a command's first, by its number.
func a1Payload(command uint16) (words int, known bool) {
	switch command {
	case 0x1: // enumerate
		return 2, true
	case 0x3: // accept the self-test
		return 0, true
	case 0x4: // reset
		return 1, true
	case 0x7: // job
		return 28, true
	case 0x8: // read a result
		return 2, true
	case 0x9, 0xa: // write, read the register
		return 3, true
	}
	return 0, false
}

const a1QueueSize = 16 // results that a chip keeps; a guess

// a1Chip is one chip: what it does with each word, and its sweep.
type a1Chip struct {
	chain *A1
	rand  *rand.Rand
	fault A1Fault
	cores int

	number    uint16 // 0: not enumerated
	reg       [6]byte
	lockedAt  time.Time
	idleSince time.Time
	stats     A1Stats

	head    uint16 // of the message that comes in
	left    int    // its words still to come
	got     int
	mine    bool
	answers bool // the words that follow are replaced by answer
	payload [28]uint16
	answer  [3]uint16

	queue   [2]a1Job
	jobs    int // in queue; queue[0] runs
	results [a1QueueSize]a1Result
	found   int
	search  *searcher
}

type a1Job struct {
	id         uint16
	task       task
	start, end uint32
	begun      time.Time // when its first nonce was tried
	done       uint64    // nonces tried
	due        uint64    // nonces until the next hit
}

type a1Result struct {
	id, chip uint16
	nonce    uint32
}

func newA1Chip(c *A1, cores int, r *rand.Rand) *a1Chip {
	ch := &a1Chip{chain: c, cores: cores, rand: r, search: newSearcher()}
	ch.reset(time.Now())
	return ch
}

func (ch *a1Chip) reset(now time.Time) {
	ch.number, ch.left, ch.jobs, ch.found = 0, 0, 0, 0
	ch.reg = [6]byte{}
	ch.idleSince = now
}

// word takes a word that comes from the host's side. It returns what goes on to
// the next chip, and what goes back if the chip has something to say.
func (ch *a1Chip) word(w uint16) (forward, back uint16, own bool) {
	if ch.fault.Mute {
		return w, 0, false
	}
	if ch.left == 0 {
		return ch.first(w)
	}
	return ch.next(w)
}

// first takes the first word of a message.
func (ch *a1Chip) first(w uint16) (forward, back uint16, own bool) {
	words, known := a1Payload(w >> 8 & 0xf)
	if w == 0 || !known {
		if w != 0 {
			ch.chain.report("chip %d: word %04x is no command", ch.number, w)
		}
		return w, 0, false
	}
	ch.head, ch.left, ch.got, ch.answers = w, words, 0, false
	to := w & 0xff
	ch.mine = to != 0 && to == ch.number
	switch {
	case ch.mine:
		return 0, ch.begin(w), true
	case to == 0:
		return ch.broadcast(w), 0, false
	}
	return w, 0, false
}

// begin takes the first word of a message for this chip; it is echoed.
func (ch *a1Chip) begin(w uint16) (echo uint16) {
	switch w >> 8 & 0xf {
	case 0x3:
		return w
	case 0x7:
		if ch.fault.NoEcho {
			return 0
		}
	case 0x8:
		return ch.putResult(w)
	case 0xa:
		ch.readRegister()
		ch.answers = true
		return w | 0x1000
	}
	return w
}

// broadcast takes the first word of a message for all.
func (ch *a1Chip) broadcast(w uint16) uint16 {
	switch w >> 8 & 0xf {
	case 0x8:
		if w>>12 == 0 {
			return ch.putResult(w)
		}
	case 0xa:
		ch.chain.report("register read from all chips")
	}
	return w
}

// putResult replaces the word by the oldest result's, if there is any.
func (ch *a1Chip) putResult(w uint16) uint16 {
	if ch.found == 0 {
		return w
	}
	r := ch.results[0]
	copy(ch.results[:], ch.results[1:ch.found])
	ch.found--
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], r.nonce)
	ch.answer[0], ch.answer[1] = binary.BigEndian.Uint16(b[:]), binary.BigEndian.Uint16(b[2:])
	ch.answers = true
	return r.id<<12 | 0x0800 | r.chip
}

// next takes a further word of a message.
func (ch *a1Chip) next(w uint16) (forward, back uint16, own bool) {
	ch.payload[ch.got] = w
	ch.got++
	ch.left--
	command := ch.head >> 8 & 0xf
	broadcast := ch.head&0xff == 0
	if ch.left == 0 && (ch.mine || broadcast) {
		ch.execute(command)
	}
	if ch.answers {
		w = ch.answer[ch.got-1]
	}
	if command == 0x1 && ch.got == 1 && broadcast {
		w = ch.count(w)
	}
	if command == 0x7 && ch.mine && ch.fault.NoEcho {
		return 0, 0, true
	}
	if ch.mine {
		return 0, w, true
	}
	return w, 0, false
}

// count gives the chip its number, once after a reset.
func (ch *a1Chip) count(w uint16) uint16 {
	if ch.number != 0 || ch.chain.noCount {
		return w
	}
	ch.number = w + 1
	return ch.number
}

func (ch *a1Chip) execute(command uint16) {
	switch command {
	case 0x4:
		if ch.payload[0] != 0xeded {
			ch.chain.report("reset with strategy %04x", ch.payload[0])
			return
		}
		ch.stats.Dropped += uint64(ch.jobs)
		ch.jobs = 0
		ch.idleSince = time.Now()
	case 0x7:
		ch.takeJob()
	case 0x9:
		ch.writeRegister()
	}
}

func (ch *a1Chip) writeRegister() {
	now := time.Now()
	for i, w := range ch.payload[:3] {
		binary.BigEndian.PutUint16(ch.reg[2*i:], w)
	}
	if ch.clock() == 0 {
		ch.chain.report("chip %d: no clock from register % x", ch.number, ch.reg)
	}
	ch.lockedAt = now.Add(ch.chain.cfg.Lock)
	if rate := ch.rate(); ch.jobs > 0 && rate > 0 {
		j := &ch.queue[0]
		j.begun = now.Add(-time.Duration(float64(j.done) / rate * float64(time.Second)))
	}
}

// clock is what the PLL's dividers make of the crystal.
func (ch *a1Chip) clock() physic.Frequency {
	post, pre := ch.reg[0]>>6, ch.reg[0]>>1&0x1f
	fb := physic.Frequency(ch.reg[0]&1)<<8 | physic.Frequency(ch.reg[1])
	if post == 0 || pre == 0 {
		return 0
	}
	return ch.chain.cfg.Reference * fb / physic.Frequency(int(pre)<<(post-1))
}

func (ch *a1Chip) locked() bool {
	return ch.clock() != 0 && !ch.fault.NoLock && !time.Now().Before(ch.lockedAt)
}

// readRegister makes the answer: clock, lock, queue, job ids, cores.
func (ch *a1Chip) readRegister() {
	state := [6]byte{ch.reg[0], ch.reg[1], 0, 0, 0, byte(ch.cores)}
	if ch.locked() {
		state[2] = 1
	}
	switch ch.jobs {
	case 1:
		state[3], state[4] = 1, byte(ch.queue[0].id)
	case 2:
		state[3], state[4] = 3, byte(ch.queue[1].id<<4|ch.queue[0].id)
	}
	if ch.fault.Queue {
		state[3] = 2
	}
	for i := range ch.answer {
		ch.answer[i] = binary.BigEndian.Uint16(state[2*i:])
	}
}

// takeJob reads the job that came in: state words last first and little-endian,
// 12 bytes of the header, first nonce, difficulty, last nonce.
func (ch *a1Chip) takeJob() {
	if ch.fault.NoEcho || ch.fault.NoNonces && ch.jobs == len(ch.queue) {
		return
	}
	if ch.jobs == len(ch.queue) {
		ch.chain.report("chip %d: job %x comes to a full queue", ch.number, ch.head>>12)
		return
	}
	var b [56]byte
	for i, w := range ch.payload {
		binary.BigEndian.PutUint16(b[2*i:], w)
	}
	target, err := bitcoin.CompactTarget(binary.LittleEndian.Uint32(b[48:]))
	if err != nil {
		ch.chain.report("chip %d: job's difficulty: %v", ch.number, err)
		return
	}
	j := &ch.queue[ch.jobs]
	*j = a1Job{id: ch.head >> 12, start: binary.LittleEndian.Uint32(b[44:]), end: binary.LittleEndian.Uint32(b[52:])}
	words := binary.ByteOrder(binary.LittleEndian)
	if ch.chain.cfg.BigWords {
		words = binary.BigEndian
	}
	for i := range j.task.mid {
		j.task.mid[i] = words.Uint32(b[4*(7-i):])
	}
	copy(j.task.tail[:], b[32:44])
	j.task.target = eased(target, ch.chain.cfg.Ease)
	ch.jobs++
	ch.stats.Jobs++
	if ch.jobs == 1 {
		now := time.Now()
		ch.stats.Idle += now.Sub(ch.idleSince)
		ch.run(now)
	}
}

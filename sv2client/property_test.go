package sv2client

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/channel"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2/sv2net"
)

func fixedRandom() io.Reader { return rand.NewChaCha8(seedBytes(42)) }

// moody is a pool that answers shares as it likes: at once, in batches, with errors,
// twice, not at all; that closes channels, sends people on and hangs up.
func moody(seed uint64) func(*peer) {
	return func(p *peer) {
		p.w.mu.Lock()
		seed++
		random := rand.New(rand.NewPCG(seed, 2))
		p.w.mu.Unlock()
		if !p.begin(byte(random.IntN(250))) {
			return
		}
		p.serve(func(m sv2.Message) bool {
			s, ok := m.(*mining.SubmitSharesStandard)
			if !ok {
				_, bye := m.(*mining.CloseChannel)
				return !bye
			}
			switch random.IntN(40) {
			case 0:
				return false
			case 1:
				return p.send(&mining.CloseChannel{ChannelID: p.channel, ReasonCode: "x"}) && p.opened(p.channel+1) && p.job(1, 9)
			case 2:
				return p.job(s.SequenceNumber+9, byte(s.SequenceNumber))
			case 3:
				return p.send(&sv2.Reconnect{})
			case 4, 5, 6, 7, 8:
				return p.send(&mining.SubmitSharesError{ChannelID: p.channel, SequenceNumber: s.SequenceNumber, ErrorCode: fmt.Sprint("code ", s.SequenceNumber)})
			case 9:
				p.accept(s.SequenceNumber)
				return p.accept(s.SequenceNumber)
			case 10:
				return p.accept(s.SequenceNumber + 1000)
			case 11, 12, 13, 14, 15:
				return p.accept(s.SequenceNumber)
			}
			return true
		})
	}
}

// Whatever pools and network do, every share ends exactly once, and the totals say
// the same as the single reports.
func TestSharesEndExactlyOnce(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				random := rand.New(rand.NewPCG(seed, 1))
				for i, n := range []string{"a", "b", "c"} {
					w.pool(n, moody(seed+uint64(i)<<32))
				}
				r := w.begin(w.config("a", "b", "c"), 0)
				for range 500 {
					time.Sleep(time.Duration(random.ExpFloat64() * float64(200*time.Millisecond)))
					for range random.IntN(3) {
						r.shoot(random)
					}
					if random.IntN(60) == 0 {
						w.cutAll()
					}
				}
				r.stop()
				r.checkEndings()
			})
		})
	}
}

// shoot submits a share of any job seen so far.
func (r *rig) shoot(random *rand.Rand) {
	r.mu.Lock()
	r.sent++
	n := r.sent
	j := &channel.Job{Number: random.Uint64()}
	recent := r.jobs[max(0, len(r.jobs)-4):]
	if len(recent) > 0 && recent[len(recent)-1] != nil {
		j = recent[len(recent)-1]
	}
	if i := random.IntN(12); i < len(recent) && recent[i] != nil {
		j = recent[i]
	}
	r.mu.Unlock()
	r.share(j, n)
}

func (r *rig) checkEndings() {
	r.t.Helper()
	var got [3]uint64
	for n := uint32(1); n <= r.sent; n++ {
		if e := r.ended[n]; len(e) != 1 {
			r.t.Fatalf("share %d ended %d times: %+v", n, len(e), e)
		}
		got[slices.Index([]channel.End{channel.Accepted, channel.Rejected, channel.Lost}, r.ended[n][0].End)]++
	}
	accepted, rejected, lost := r.counts()
	if want := [3]uint64{accepted, rejected, lost}; got != want {
		r.t.Errorf("reports %v, totals %v", got, want)
	}
	if accepted == 0 || rejected == 0 || lost == 0 || len(r.c.Status().Rejected) > maxCodes+1 {
		r.t.Errorf("one kind is missing, or reasons are not bounded: %v", got)
	}
}

// More shares than fit the queue are lost, not forgotten.
func TestQueueFull(t *testing.T) {
	q := newQueue()
	x := channel.Share{}
	for i := range queueSize {
		if x.Nonce = uint32(i); q.push(&x) != taken {
			t.Fatalf("share %d not taken", i)
		}
	}
	if q.push(&x) != full || q.len() != queueSize {
		t.Error("a full queue took a share")
	}
	for i := range queueSize / 2 {
		if !q.pop(&x) || x.Nonce != uint32(i) {
			t.Fatalf("share %d is %d", i, x.Nonce)
		}
	}
	q.close()
	if q.push(&x) != closed {
		t.Error("a closed queue took a share")
	}
	n := 0
	for q.pop(&x) {
		n++
	}
	if n != queueSize/2 {
		t.Errorf("%d shares came out", n)
	}
}

// A sink is a connection that takes everything.
type sink struct{ net.Conn }

func (sink) Write(b []byte) (int, error)      { return len(b), nil }
func (sink) SetWriteDeadline(time.Time) error { return nil }
func (sink) SetDeadline(time.Time) error      { return nil }
func (sink) Close() error                     { return nil }

// miningSession makes a session that mines on channels 5, 6 and so on, without its
// goroutines.
func miningSession(tb testing.TB, channels uint32) *session {
	conn, err := sv2net.Client(tb.Context(), sink{}, url("a"), sv2net.DialConfig{Plain: true})
	if err != nil {
		tb.Fatal(err)
	}
	c, err := New(Config{Pools: []noise.URL{url("a")}, Rand: fixedRandom()}, slices.Repeat([]Miner{&rig{}}, int(channels))...)
	if err != nil {
		tb.Fatal(err)
	}
	now := time.Now()
	s := c.newSession(c.pools[0], url("a"), now)
	s.conn = conn
	s.state = SettingUp
	hear := func(m sv2.Message) {
		if err := s.obey(m, now); err != nil {
			tb.Fatal(err)
		}
	}
	hear(&sv2.SetupConnectionSuccess{UsedVersion: sv2.Version})
	for i := range channels {
		open := s.nextOpen(now)
		hear(&mining.OpenStandardMiningChannelSuccess{RequestID: open.RequestID, ChannelID: 5 + i, Target: target()})
		hear(&mining.NewMiningJob{ChannelID: 5 + i, JobID: 1, Version: 0x20000000})
		hear(&mining.SetNewPrevHash{ChannelID: 5 + i, JobID: 1, MinNTime: 1000})
	}
	c.current.Store(s)
	return s
}

// A shareRound submits n shares for a channel, sends them, and takes the answer, made
// in payload.
func shareRound(s *session, payload []byte, number, first, n int) error {
	j := s.slots[number].channel.Active()
	x := channel.Share{Job: j.Number, NTime: j.NTime, Version: j.Version, Found: j.Received}
	for range n {
		s.c.Submit(x)
	}
	if err := s.sendShares(); err != nil {
		return err
	}
	binary.LittleEndian.PutUint32(payload, uint32(5+number))
	binary.LittleEndian.PutUint32(payload[4:], uint32(first+n-1))
	m, err := s.decode(sv2.Frame{Type: mining.TypeSubmitSharesSuccess, Payload: payload})
	if err != nil {
		return err
	}
	return s.obey(m, x.Found)
}

func TestSharesDoNotAllocate(t *testing.T) {
	const channels = 3
	s := miningSession(t, channels)
	first, payload := 0, make([]byte, 20)
	if got := testing.AllocsPerRun(100, func() {
		for number := range channels {
			if err := shareRound(s, payload, number, first, 4); err != nil {
				t.Fatal(err)
			}
		}
		first += 4
	}); got != 0 {
		t.Errorf("four shares on each channel and their answers allocate %v times", got)
	}
	for _, sl := range s.slots {
		if st := sl.channel.Stats(); st.Accepted != uint64(first) || st.Pending != 0 {
			t.Errorf("%+v after %d shares", st, first)
		}
	}
}

func BenchmarkShare(b *testing.B) {
	s := miningSession(b, 1)
	b.ReportAllocs()
	first, payload := 0, make([]byte, 20)
	for b.Loop() {
		if err := shareRound(s, payload, 0, first, 1); err != nil {
			b.Fatal(err)
		}
		first++
	}
}

// Random frames from a pool end the connection or do nothing; memory stays bounded.
func FuzzReceive(f *testing.F) {
	var c sv2.Codec
	seeds := []sv2.Message{
		&sv2.SetupConnectionSuccess{UsedVersion: 2}, &sv2.SetupConnectionError{ErrorCode: "x"}, &sv2.Reconnect{NewHost: "b"},
		&sv2.ChannelEndpointChanged{ChannelID: 5}, &mining.OpenStandardMiningChannelSuccess{RequestID: 1, ChannelID: 5},
		&mining.NewMiningJob{ChannelID: 5, JobID: 2, MinNTime: sv2.Some(9)}, &mining.SetNewPrevHash{ChannelID: 5, JobID: 1},
		&mining.SetTarget{ChannelID: 5}, &mining.SetExtranoncePrefix{ChannelID: 5}, &mining.SetGroupChannel{GroupChannelID: 6, ChannelIDs: []uint32{5}},
		&mining.CloseChannel{ChannelID: 5}, &mining.SubmitSharesSuccess{ChannelID: 5}, &mining.SubmitSharesError{ChannelID: 5},
		&mining.NewExtendedMiningJob{ChannelID: 5, MerklePath: []sv2.U256{{}}}, &mining.UpdateChannelError{ChannelID: 5},
	}
	var all []byte
	for _, m := range seeds {
		b, err := c.AppendFrame(nil, m)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, b...)
		f.Add(b)
	}
	f.Add(all)
	f.Fuzz(func(t *testing.T, b []byte) {
		s := miningSession(t, 2)
		now := time.Now()
		for len(b) >= sv2.HeaderSize {
			h, err := sv2.ParseHeader(b)
			if err != nil {
				t.Fatal(err)
			}
			b = b[sv2.HeaderSize:]
			n := min(h.Length, len(b))
			m, err := s.decode(sv2.Frame{Type: h.Type, Payload: b[:n]})
			if b = b[n:]; err != nil {
				break
			}
			if m == nil {
				continue
			}
			now = now.Add(time.Second)
			if err := s.obey(m, now); err != nil {
				break
			}
			if _, err := s.inspect(now); err != nil {
				break
			}
		}
		if len(s.odd) > maxOdd || len(s.c.tally.rejected) > maxCodes+1 {
			t.Error("memory is not bounded")
		}
		s.c.Status()
	})
}

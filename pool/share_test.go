package pool

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/sv2net"
)

// sink is a connection that gives SetupConnection and takes everything.
type sink struct {
	net.Conn
	in *bytes.Reader
}

func (s sink) Read(b []byte) (int, error)       { return s.in.Read(b) }
func (s sink) Write(b []byte) (int, error)      { return len(b), nil }
func (s sink) Close() error                     { return nil }
func (s sink) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s sink) SetDeadline(time.Time) error      { return nil }
func (s sink) SetReadDeadline(time.Time) error  { return nil }
func (s sink) SetWriteDeadline(time.Time) error { return nil }

// bench is a peer whose reader the test itself is, with one channel on which every
// hash is a share.
type bench struct {
	t     testing.TB
	peer  *peer
	share mining.SubmitSharesStandard
	frame sv2.Frame
}

func newBench(t testing.TB) *bench {
	r := start(t, Config{}, true)
	r.pool.ledger = countingLedger{}
	hello, err := new(sv2.Codec).AppendFrame(nil, setup(0))
	if err != nil {
		t.Fatal(err)
	}
	lc := r.listenConfig(Config{})
	conn := sv2net.Server(sink{in: bytes.NewReader(hello)}, lc)
	if err := conn.Handshake(context.Background()); err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, peer: &peer{pool: r.pool, conn: conn, log: r.pool.log}}
	if err := b.peer.setUp(); err != nil {
		t.Fatal(err)
	}
	b.handle(&mining.OpenStandardMiningChannel{UserIdentity: "bc1qexample.rig-1", NominalHashRate: 1e12, MaxTarget: maxU256()})
	b.easy()
	return b
}

func (b *bench) handle(m sv2.Message) {
	payload, err := sv2.Append(nil, m)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.peer.handle(sv2.Frame{Type: m.Type(), Payload: payload}); err != nil {
		b.t.Fatal(err)
	}
}

// easy starts a job that takes every hash, and forgets the shares before.
func (b *bench) easy() {
	s := b.peer.channels[0]
	s.SetTarget(bitcoin.MaxTarget())
	w := b.peer.pool.work.Load()
	j, err := s.NewJob(w.body, true)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := s.SetNewPrevHash(w.body, w.body.Tip); err != nil {
		b.t.Fatal(err)
	}
	b.share = mining.SubmitSharesStandard{
		ChannelID: s.ChannelID(), JobID: j.JobID, Version: j.Version, NTime: w.body.Tip.NTime,
	}
	payload, err := sv2.Append(b.frame.Payload[:0], &b.share)
	if err != nil {
		b.t.Fatal(err)
	}
	b.frame = sv2.Frame{Type: b.share.Type(), Payload: payload}
}

// next hands in one more share.
func (b *bench) next() {
	b.share.Nonce++
	binary.LittleEndian.PutUint32(b.frame.Payload[4:], b.share.Nonce)
	binary.LittleEndian.PutUint32(b.frame.Payload[12:], b.share.Nonce)
	if err := b.peer.handle(b.frame); err != nil {
		b.t.Fatal(err)
	}
}

// countingLedger is a ledger without a disk.
type countingLedger struct{}

func (countingLedger) Share(time.Time, string, float64, *bitcoin.Header) error { return nil }
func (countingLedger) Block(time.Time, string, uint32, *bitcoin.Header, error) error {
	return nil
}

func TestShareDoesNotAllocate(t *testing.T) {
	b := newBench(t)
	for range 1<<12 + 1<<11 { // the set of seen shares has grown beyond what follows
		b.next()
	}
	accepted := b.peer.pool.Status().Accepted
	if n := testing.AllocsPerRun(100, b.next); n != 0 {
		t.Errorf("an accepted share allocates %v times", n)
	}
	if n := b.peer.pool.Status().Accepted - accepted; n != 101 {
		t.Errorf("%d shares were accepted, want 101", n)
	}
}

// BenchmarkShare is what a share costs the pool once its frame is there: decode,
// check, count, ledger, acknowledge every tenth.
func BenchmarkShare(b *testing.B) {
	s := newBench(b)
	b.ReportAllocs()
	b.ResetTimer()
	for n := range b.N {
		if n%(1<<20) == 1<<20-1 { // a channel tells 2^20 shares of a tip apart
			b.StopTimer()
			s.easy()
			b.StartTimer()
		}
		s.next()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "shares/s")
}

// BenchmarkShareNoise is a device and the pool over TCP with Noise: both ends, with
// system calls, each share sent by itself.
func BenchmarkShareNoise(b *testing.B) {
	r := start(b, Config{Limits: Limits{Messages: 1e9}}, false)
	d := r.dialTCP(b)
	d.send(setup(0))
	next[*sv2.SetupConnectionSuccess](d)
	m := d.open(1, 1e12)
	pe := r.pool.peers[0]
	easy := &bench{t: b, peer: pe}
	pe.mu.Lock()
	easy.easy()
	pe.mu.Unlock()
	easy.share.ChannelID = m.id
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 0; n < b.N/10; {
			if _, ok := (<-d.got).(*mining.SubmitSharesSuccess); ok {
				n++
			}
		}
	})
	b.ResetTimer()
	for range min(b.N, 1<<20-1) {
		easy.share.Nonce++
		if err := d.conn.Send(&easy.share); err != nil {
			b.Fatal(err)
		}
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "shares/s")
}

// dialTCP connects over loopback.
func (r *rig) dialTCP(t testing.TB) *device {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return r.dialOn(near, far)
}

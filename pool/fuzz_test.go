package pool

import (
	"context"
	"encoding/binary"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/extension"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2/sv2net"
)

// FuzzConversation lets a device say anything in any order: messages of every kind
// with fields from the input, raw frames, pauses, new tips. Whatever it does, the
// pool goes on, and holds no more than its limits allow.
func FuzzConversation(f *testing.F) {
	f.Add([]byte{0, 1, 1, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
	f.Add([]byte{0, 2, 3, 1, 3, 2, 3, 3, 14, 3, 3, 12, 0, 1, 2, 13, 3})
	f.Add([]byte{0, 1, 12, 1, 2, 1, 13, 10, 1, 1, 7, 3, 1, 1, 1, 3, 1, 1, 2, 3, 1, 1, 3, 3, 1, 1, 4, 13, 20}) // blocks
	f.Add([]byte{0, 1, 13, 200, 13, 200, 3, 3, 3})
	f.Add([]byte{1, 0, 0})
	f.Add([]byte{11, 26, 128, 3, 1, 2, 3})
	f.Fuzz(func(t *testing.T, script []byte) {
		synctest.Test(t, func(t *testing.T) { converse(t, script) })
	})
}

func converse(t *testing.T, script []byte) {
	limits := Limits{Channels: 4, Messages: 50, RefusedInARow: 30}
	r := start(t, Config{Limits: limits, Batch: 2}, true)
	near, far := net.Pipe()
	r.pipes.conns <- far
	conn, err := sv2net.Client(context.Background(), near, noise.URL{}, sv2net.DialConfig{Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for err := error(nil); err == nil; _, err = conn.Receive() {
		}
	})
	in := input(script)
	for n := 0; len(in) > 0 && n < 200; n++ {
		if err := r.step(conn, &in, n); err != nil {
			break
		}
	}
	synctest.Wait()
	r.pool.mu.Lock()
	for _, p := range r.pool.peers {
		if n := len(p.channels); n > limits.Channels {
			t.Errorf("%d channels", n)
		}
	}
	r.pool.mu.Unlock()
	conn.Close()
	wg.Wait()
	synctest.Wait()
	if n := r.pool.prefixes.InUse(); n != 0 {
		t.Errorf("%d prefixes in use without a connection", n)
	}
	if s := r.pool.Status(); s.Connections != 0 || s.Channels != 0 {
		t.Errorf("status %+v without a connection", s)
	}
	r.stop()
}

// input gives numbers from the fuzzer's bytes, 0 when they are used up.
type input []byte

func (in *input) byte() byte {
	if len(*in) == 0 {
		return 0
	}
	b := (*in)[0]
	*in = (*in)[1:]
	return b
}

// id is a number that is often right: a channel, a job, a request.
func (in *input) id() uint32 { return uint32(in.byte() % 6) }

func (in *input) bytes(n int) []byte {
	b := make([]byte, n)
	*in = (*in)[copy(b, *in):]
	return b
}

func (in *input) u32() uint32 { return binary.LittleEndian.Uint32(in.bytes(4)) }

// step does one thing.
func (r *rig) step(conn *sv2net.Conn, in *input, n int) error {
	switch op := in.byte() % 16; op {
	case 12:
		bits := []uint32{hardBits, easyBits}[in.byte()%2]
		r.chain.templates <- template(100+in.id(), in.byte(), bits)
	case 13:
		time.Sleep(time.Duration(in.byte()) * 100 * time.Millisecond)
	case 14:
		kind := sv2.Type(in.byte())<<8 | sv2.Type(in.byte())
		return conn.SendFrame(sv2.Frame{Type: kind<<8 | sv2.Type(in.byte()), Payload: in.bytes(int(in.byte() % 40))})
	case 15:
		size := int(in.byte()) * 20
		return conn.SendFrame(sv2.Frame{Type: sv2.Type(in.byte()), Payload: make([]byte, size)})
	default:
		return conn.Send(in.message(op, n))
	}
	return nil
}

// message is one of those that a device may send, with fields that are mostly right.
func (in *input) message(op byte, n int) sv2.Message {
	switch op {
	case 0:
		return setup(uint32(in.byte() % 8))
	case 1, 2:
		m := &mining.OpenStandardMiningChannel{RequestID: in.id(), NominalHashRate: sv2.F32(in.byte()) * 1000, MaxTarget: maxU256()}
		if op == 2 {
			m.UserIdentity, m.MaxTarget = string(in.bytes(9)), sv2.U256{in.byte(), 31: in.byte()}
		}
		return m
	case 4:
		return &mining.UpdateChannel{ChannelID: in.id(), NominalHashRate: sv2.F32(in.byte()), MaximumTarget: sv2.U256{30: in.byte(), 31: in.byte()}}
	case 5:
		return &mining.CloseChannel{ChannelID: in.id(), ReasonCode: string(in.bytes(4))}
	case 6:
		return &mining.SubmitSharesExtended{ChannelID: in.id(), Extranonce: in.bytes(3)}
	case 7:
		return &mining.OpenExtendedMiningChannel{RequestID: in.id(), MinExtranonceSize: uint16(in.byte())}
	case 8:
		return &mining.SetCustomMiningJob{ChannelID: in.id(), MiningJobToken: in.bytes(2)}
	case 9:
		return &extension.RequestExtensions{RequestID: 1, RequestedExtensions: []uint16{uint16(in.byte())}}
	case 10:
		return &mining.SubmitSharesStandard{ChannelID: in.u32(), JobID: in.u32(), Version: in.u32(), NTime: in.u32()}
	case 11:
		return &mining.NewMiningJob{ChannelID: in.id()}
	}
	return &mining.SubmitSharesStandard{
		ChannelID: in.id(), SequenceNumber: uint32(n), JobID: in.id(), Nonce: uint32(in.byte()),
		NTime: uint32(time.Now().Unix()), Version: 0x20000000,
	}
}

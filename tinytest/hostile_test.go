package tinytest

import (
	"context"

	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/extension"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/sv2net"
)

// every returns one frame of each message that a peer could send on a mining
// connection, empty fields and all, and some that no spec has.
func every() (frames []sv2.Frame) {
	for t := range sv2.Type(256) {
		for _, typ := range []sv2.Type{t, t | sv2.ChannelMsg, t | sv2.Ext(1), t | sv2.Ext(0x4001), t | sv2.Ext(0x4001) | sv2.ChannelMsg} {
			frames = append(frames, sv2.Frame{Type: typ})
			if m := sv2.FirstOf(mining.New, extension.New)(typ); m != nil {
				payload, _ := sv2.Append(nil, m)
				frames = append(frames, sv2.Frame{Type: typ, Payload: payload}, sv2.Frame{Type: typ, Payload: append(payload, 1, 2, 3)})
			}
		}
	}
	return frames
}

// The states in which a hostile device says something wrong.
var deviceStates = []struct {
	name  string
	first []sv2.Message
}{
	{"before set-up", nil},
	{"after set-up", []sv2.Message{&sv2.SetupConnection{MinVersion: 2, MaxVersion: 2, Flags: 1, Vendor: "hostile"}}},
	{"with a channel", []sv2.Message{
		&sv2.SetupConnection{MinVersion: 2, MaxVersion: 2, Flags: 1, Vendor: "hostile"},
		&mining.OpenStandardMiningChannel{UserIdentity: "hostile", NominalHashRate: 1000, MaxTarget: [32]byte{31: 0xff}},
	}},
}

func TestHostileDevices(t *testing.T) {
	for _, state := range deviceStates {
		bubble(t, state.name, func(t *testing.T) {
			r := New(t, Options{Plain: true})
			for _, f := range every() {
				c, err := r.Dial(t.Context(), r.Pools[0].URL)
				r.check(err)
				for _, m := range state.first {
					r.check(c.Send(m))
				}
				go drain(c)
				c.SendFrame(f) //nolint:errcheck // the pool may hang up first
				c.SendFrame(f) //nolint:errcheck
				time.Sleep(time.Millisecond)
				c.Close()
			}
			before := r.Devices[0].Status().Pool.Accepted
			r.Until("the honest device goes on", time.Minute, func() bool { return r.Devices[0].Status().Pool.Accepted > before+10 })
			r.Until("the hostile ones are forgotten", time.Minute, func() bool { return r.Pools[0].Status().Connections == 1 })
			r.honest()
		})
	}
}

func drain(c *sv2net.Conn) {
	for {
		if _, err := c.Receive(); err != nil {
			return
		}
	}
}

// Pools that say the wrong thing at each step of a session: the device must outlive
// them and mine on the honest one.
func TestHostilePools(t *testing.T) {
	steps := []struct {
		name string
		upTo int // messages of the honest opening that come first
	}{{"at once", 0}, {"after set-up", 1}, {"after opening", 2}, {"while mining", 4}}
	for _, step := range steps {
		bubble(t, step.name, func(t *testing.T) {
			r := New(t, Options{Plain: true, Devices: -1, Pools: 2, Rate: 200})
			bad := r.Pools[0]
			bad.Kill()
			l, err := bad.Listen(sv2net.ListenConfig{Plain: true})
			r.check(err)
			ctx, cancel := context.WithCancel(t.Context())
			var serving sync.WaitGroup
			t.Cleanup(func() { cancel(); l.Close(); serving.Wait() })
			frames := every()
			serving.Go(func() {
				for n := 0; ; n++ {
					c, err := l.Accept()
					if err != nil {
						return
					}
					serving.Go(func() { hostilePool(ctx, c, step.upTo, frames[n%len(frames)]) })
				}
			})
			d := r.AddDevice(0)
			r.Until("the device mines on the honest pool", time.Hour, func() bool { return d.Status().Pool.Pools[1].Counts.Accepted > 10 })
			time.Sleep(2 * time.Hour)
			before := d.Status().Pool.Accepted
			r.Until("and still does", time.Hour, func() bool { return d.Status().Pool.Accepted > before })
			if n := len(r.Net.Links()); n > 1000 {
				t.Errorf("%d connections in 2 hours: that is hammering", n)
			}
		})
	}
}

// hostilePool begins as a pool would, for some messages, and then sends one frame
// again and again.
func hostilePool(ctx context.Context, c *sv2net.Conn, upTo int, f sv2.Frame) {
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if c.Handshake(ctx) != nil {
		return
	}
	for i, m := range []sv2.Message{
		&sv2.SetupConnectionSuccess{UsedVersion: 2},
		&mining.OpenStandardMiningChannelSuccess{RequestID: 1, ChannelID: 1, Target: [32]byte{31: 0x7f}},
		&mining.NewMiningJob{ChannelID: 1, JobID: 1, Version: 0x20000000},
		&mining.SetNewPrevHash{ChannelID: 1, JobID: 1, MinNTime: uint32(time.Now().Unix()), NBits: EasyBits},
	}[:upTo] {
		if i < 2 { // these answer a request
			if _, err := c.Receive(); err != nil {
				return
			}
		}
		if c.Send(m) != nil {
			return
		}
	}
	go drain(c)
	for range 100 {
		if c.SendFrame(f) != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	<-ctx.Done()
}

// Thousands of bad beginnings, at once and one after the other, on a real socket.
func TestHostileConnectionsLeaveNothing(t *testing.T) {
	// No blocks: of the few shares not one may be stale.
	r := New(t, Options{TCP: true, Rate: 2000, Chain: NewChain(0x1b00ffff)})
	addr := r.Pools[0].URL.Address()
	r.Until("the honest device mines", 20*time.Second, func() bool { return r.Devices[0].Status().Pool.Accepted > 0 })
	before := heap()
	openings := []string{
		"", "GET / HTTP/1.1\r\n\r\n", "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}\n", "\x16\x03\x01\x02\x00\x01\x00",
		string(make([]byte, 64)), string(make([]byte, 500)), "\x00\x00\x00\xff\xff\xff", "half an act",
	}
	var held []net.Conn
	for i := range 2000 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, openings[i%len(openings)]) //nolint:errcheck // the pool may hang up first
		if held = append(held, c); len(held) > 200 {
			held[0].Close()
			held = held[1:]
		}
	}
	accepted := r.Devices[0].Status().Pool.Accepted
	r.Until("the honest device goes on meanwhile", 20*time.Second, func() bool { return r.Devices[0].Status().Pool.Accepted > accepted })
	for _, c := range held {
		c.Close()
	}
	r.Until("all bad connections are gone", 30*time.Second, func() bool { return r.Pools[0].Status().Connections <= 1 })
	// Handshakes are no connections yet.
	r.Until("their memory is free, but for 8 MiB", 30*time.Second, func() bool { return heap()-before <= 8<<20 })
	r.honest()
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// A thousand devices on one pool, in memory and on virtual time; a hundred in a
// short run.
func TestThousandDevices(t *testing.T) {
	bubble(t, "rig", func(t *testing.T) {
		n := 1000
		if testing.Short() {
			n = 100
		}
		r := New(t, Options{Devices: -1, Rate: 200})
		for i := range n {
			r.AddDevice(i)
		}
		all := func() bool {
			for _, d := range r.Devices {
				if d.Status().Pool.Accepted == 0 {
					return false
				}
			}
			return true
		}
		r.Until("every device has an accepted share", 10*time.Minute, all)
		r.Chain.Advance()
		time.Sleep(time.Second)
		if s := r.Pools[0].Status(); s.Channels != n {
			t.Errorf("%d channels, want %d", s.Channels, n)
		}
		r.honest()
	})
}

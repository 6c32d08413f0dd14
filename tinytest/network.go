package tinytest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// A Network connects dialers with listeners in memory. Every connection runs over a
// Link, which a test can slow down, stall, damage and cut. It works inside a
// testing/synctest bubble, where its delays are virtual.
type Network struct {
	mu        sync.Mutex
	listeners map[string]*listener
	dark      map[string]bool
	weather   Weather
	links     []*Link
	wg        sync.WaitGroup
}

// Weather is what a Link does to the bytes that pass; the zero value does nothing.
type Weather struct {
	Delay   time.Duration // before each chunk
	Split   int           // largest piece written at once, in bytes; 0 is no limit
	Corrupt int           // flip one bit in the byte at this offset of each direction; 0 is never
	CutAt   int           // close after this many bytes of one direction; 0 is never
}

// NewNetwork returns a network with no listeners.
func NewNetwork() *Network {
	return &Network{listeners: map[string]*listener{}, dark: map[string]bool{}}
}

// Listen opens addr, which is any name.
func (n *Network) Listen(addr string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[addr] != nil {
		return nil, fmt.Errorf("tinytest: %s is in use", addr)
	}
	l := &listener{network: n, addr: addr, accept: make(chan net.Conn), closed: make(chan struct{})}
	n.listeners[addr] = l
	return l, nil
}

// Dial connects to the listener on addr. Without one it is refused; in the dark it
// hangs until ctx ends.
func (n *Network) Dial(ctx context.Context, _, addr string) (net.Conn, error) {
	n.mu.Lock()
	l, dark, weather := n.listeners[addr], n.dark[addr], n.weather
	n.mu.Unlock()
	if dark {
		<-ctx.Done()
		return nil, fmt.Errorf("tinytest: dial %s: %w", addr, ctx.Err())
	}
	if l == nil {
		return nil, fmt.Errorf("tinytest: dial %s: connection refused", addr)
	}
	near, far, link := newLink(weather, &n.wg)
	select {
	case l.accept <- far:
	case <-l.closed:
		link.Cut()
		return nil, fmt.Errorf("tinytest: dial %s: connection refused", addr)
	case <-ctx.Done():
		link.Cut()
		return nil, ctx.Err()
	}
	n.mu.Lock()
	n.links = append(n.links, link)
	n.mu.Unlock()
	return near, nil
}

// Dark makes addr swallow connection attempts, as a firewall does, or answer again.
func (n *Network) Dark(addr string, dark bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dark[addr] = dark
}

// SetWeather sets what new links do.
func (n *Network) SetWeather(w Weather) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.weather = w
}

// Links are the links made so far, cut ones included, oldest first.
func (n *Network) Links() []*Link {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]*Link(nil), n.links...)
}

// CutAll cuts every link that is up.
func (n *Network) CutAll() {
	for _, l := range n.Links() {
		l.Cut()
	}
}

// Close cuts all links and waits until nothing of the network runs any more.
func (n *Network) Close() {
	n.CutAll()
	n.wg.Wait()
}

type listener struct {
	network *Network
	addr    string
	accept  chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.network.mu.Lock()
		defer l.network.mu.Unlock()
		delete(l.network.listeners, l.addr)
	})
	return nil
}

func (l *listener) Addr() net.Addr { return addr(l.addr) }

type addr string

func (addr) Network() string  { return "memory" }
func (a addr) String() string { return string(a) }

// A Link is one connection on its way through a Network.
type Link struct {
	weather Weather
	ends    []net.Conn
	done    chan struct{}
	once    sync.Once

	mu   sync.Mutex
	gate chan struct{} // closed while bytes may pass
}

var errCut = errors.New("tinytest: link cut")

// newLink returns the two ends that programs hold. Two pumps carry the bytes.
func newLink(w Weather, wg *sync.WaitGroup) (near, far net.Conn, l *Link) {
	near, nearEnd := net.Pipe()
	far, farEnd := net.Pipe()
	open := make(chan struct{})
	close(open)
	l = &Link{weather: w, ends: []net.Conn{nearEnd, farEnd}, done: make(chan struct{}), gate: open}
	wg.Go(func() { l.pump(farEnd, nearEnd) })
	wg.Go(func() { l.pump(nearEnd, farEnd) })
	return near, far, l
}

// Cut ends the connection; both programs see it close.
func (l *Link) Cut() {
	l.once.Do(func() {
		close(l.done)
		for _, c := range l.ends {
			c.Close()
		}
	})
}

// Stall holds all bytes back, and lets them pass again.
func (l *Link) Stall(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.gate:
		if on {
			l.gate = make(chan struct{})
		}
	default:
		if !on {
			close(l.gate)
		}
	}
}

func (l *Link) pump(dst, src net.Conn) {
	defer l.Cut()
	buf := make([]byte, 64<<10)
	for passed := 0; ; {
		n, err := src.Read(buf)
		if err != nil || l.wait() != nil {
			return
		}
		chunk := buf[:n]
		if at := l.weather.Corrupt - passed; l.weather.Corrupt > 0 && at >= 0 && at < n {
			chunk[at] ^= 0x10
		}
		if at := l.weather.CutAt - passed; l.weather.CutAt > 0 && at <= n {
			chunk = chunk[:max(at, 0)]
		}
		if l.write(dst, chunk) != nil || len(chunk) < n {
			return
		}
		passed += n
	}
}

// wait lets the delay pass, and a stall.
func (l *Link) wait() error {
	if l.weather.Delay > 0 {
		select {
		case <-time.After(l.weather.Delay):
		case <-l.done:
			return errCut
		}
	}
	l.mu.Lock()
	gate := l.gate
	l.mu.Unlock()
	select {
	case <-gate:
		return nil
	case <-l.done:
		return errCut
	}
}

func (l *Link) write(dst net.Conn, b []byte) error {
	step := l.weather.Split
	if step == 0 {
		step = len(b)
	}
	for len(b) > 0 {
		k := min(step, len(b))
		if _, err := dst.Write(b[:k]); err != nil {
			return err
		}
		b = b[k:]
	}
	return nil
}

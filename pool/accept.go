package pool

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/lodefw/lode/sv2/sv2net"
)

// accept takes connections until the listener closes.
func (p *Pool) accept(ctx context.Context, l *sv2net.Listener) error {
	wait := time.Duration(0)
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("pool: %w", err)
		case err != nil: // out of file descriptors, say: those who are here go on
			wait = min(max(2*wait, 10*time.Millisecond), time.Second)
			p.log.Warn("cannot accept connections", "err", err, "retry", wait)
			if !sleep(ctx, wait) {
				return nil
			}
			continue
		}
		wait = 0
		p.admit(ctx, conn)
	}
}

// sleep is false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// admit starts the handshake of a connection, if the limits allow one more.
func (p *Pool) admit(ctx context.Context, conn *sv2net.Conn) {
	from := source(conn.RemoteAddr())
	p.mu.Lock()
	ok := len(p.peers)+p.handshake < p.cfg.Limits.Connections && p.from.enter(from, p.cfg.Limits.PerAddress)
	if ok {
		p.handshake++
	}
	p.mu.Unlock()
	if !ok {
		p.turnedAway(conn)
		return
	}
	pe := &peer{pool: p, conn: conn, from: from, log: p.log.With("from", conn.RemoteAddr().String())}
	p.readers.Go(func() { p.welcome(ctx, pe) })
}

// turnedAway tells of refused connections now and then, not of each. Whoever sees the
// connection close finds it counted.
func (p *Pool) turnedAway(conn *sv2net.Conn) {
	defer conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away++
	if now := time.Now(); now.Sub(p.awayTold) >= 10*time.Second {
		p.awayTold = now
		p.log.Warn("connections refused, a limit is reached", "total", p.away, "last", conn.RemoteAddr())
	}
}

// patience is how long a device waits for the pool's first template.
const patience = 5 * time.Second

// welcome does the handshake. What follows runs in a new goroutine, because the
// handshake's arithmetic needs a stack that an idle device does not.
func (p *Pool) welcome(ctx context.Context, pe *peer) {
	err := p.awaitWork(ctx)
	if err == nil {
		err = pe.conn.Handshake(ctx)
	}
	p.mu.Lock()
	p.handshake--
	if err == nil {
		err = ctx.Err() // farewell must not miss this one
	}
	if err != nil {
		p.from.leave(pe.from)
		p.mu.Unlock()
		pe.conn.Close()
		pe.log.Debug("no handshake", "err", err)
		return
	}
	pe.index = len(p.peers)
	p.peers = append(p.peers, pe)
	p.mu.Unlock()
	p.readers.Go(func() {
		pe.leave(pe.run())
		p.remove(pe)
	})
}

func (p *Pool) awaitWork(ctx context.Context) error {
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-p.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return errors.New("no template from the chain yet")
	}
}

func (p *Pool) remove(pe *peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.peers[len(p.peers)-1]
	p.peers[pe.index], last.index = last, pe.index
	p.peers[len(p.peers)-1] = nil
	p.peers = p.peers[:len(p.peers)-1]
	p.from.leave(pe.from)
}

package pool

import (
	"context"
	"time"

	"github.com/lodefw/lode/bitcoin"
)

// tick is how often the pool looks for devices to which something is due.
const tick = 200 * time.Millisecond

// deaf times MaxJobAge after the chain's last template the pool renews jobs no more:
// their tip may be long dead, and devices without new jobs look for another pool.
const deaf = 5

// direct is the one goroutine that makes work and sends it round. When ctx ends it
// answers the last shares and closes all connections.
func (p *Pool) direct(ctx context.Context) error {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-p.updated:
		case <-t.C:
		case <-ctx.Done():
			p.farewell()
			return nil
		}
		p.round(time.Now())
	}
}

// round does what is due: a new tip, a new job, or the chores of a few devices.
func (p *Pool) round(now time.Time) {
	old := p.work.Load()
	w := p.renewed(old, now)
	switch {
	case w == nil:
	case w == old:
		p.fan.each(p.dueAt(now), (*peer).visit)
	case old != nil && w.tip != old.tip:
		p.announce(w)
	default:
		p.work.Store(w)
		p.everyone()
	}
	if old == nil && w != nil {
		close(p.ready)
	}
}

// announce tells everyone of a new tip.
func (p *Pool) announce(w *work) {
	begun := time.Now()
	p.work.Store(w)
	n := p.everyone()
	p.prefixes.Advance()
	p.log.Info("new tip", "height", w.body.Template.Height, "prev", w.body.Tip.PrevHash,
		"ahead", w.start != nil, "devices", n, "took", time.Since(begun).Round(time.Microsecond))
}

// renewed is the work that devices should have now: old if nothing changed, nil if
// there was no template yet.
func (p *Pool) renewed(old *work, now time.Time) *work {
	t := p.newest.Load()
	switch {
	case t == nil:
		return old
	case old == nil, !old.on(t):
	case t == old.body.Template:
		if now.Sub(old.made) < p.cfg.MaxJobAge || now.UnixNano()-p.heard.Load() > int64(deaf*p.cfg.MaxJobAge) {
			return old
		}
		return old.renew(now)
	case now.Sub(old.made) < p.cfg.Refresh:
		return old // a later tick takes it
	}
	w, err := p.maker.make(old, t, now)
	if err != nil {
		p.failed(t, err)
		return old
	}
	p.took(w, old)
	return w
}

// failed notes a template that no work can be made of, once.
func (p *Pool) failed(t *bitcoin.Template, err error) {
	p.newest.CompareAndSwap(t, nil)
	p.log.Error("template cannot be used", "err", err)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failure = err
}

func (p *Pool) took(w, old *work) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failure = nil
	if old == nil || old.tip != w.tip {
		p.tips++
		p.lastTip = w.made
	}
}

// everyone visits all devices and says how many there are. Those that were slow to
// read last time come last, so that many of them cannot hold up the rest.
func (p *Pool) everyone() int {
	p.mu.Lock()
	peers := make([]*peer, 0, len(p.peers))
	var slow []*peer
	for _, pe := range p.peers {
		if pe.slow.Load() {
			slow = append(slow, pe)
		} else {
			peers = append(peers, pe)
		}
	}
	p.mu.Unlock()
	peers = append(peers, slow...)
	p.fan.each(peers, (*peer).visit)
	return len(peers)
}

// dueAt lists the devices to which something is due.
func (p *Pool) dueAt(now time.Time) []*peer {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := now.UnixNano()
	var peers []*peer
	for _, pe := range p.peers {
		if due := pe.due.Load(); due != 0 && due <= at {
			peers = append(peers, pe)
		}
	}
	return peers
}

// farewell answers the shares that still wait, and closes every connection.
func (p *Pool) farewell() {
	p.everyone()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pe := range p.peers {
		pe.conn.Close()
	}
}

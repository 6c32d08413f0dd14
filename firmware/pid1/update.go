package pid1

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodefw/lode/firmware/slot"
	"github.com/lodefw/lode/firmware/update"
)

// UpdatePort is where a board takes updates. Whoever can reach it can send one; what
// is taken is decided by its signature.
const UpdatePort = 7781

// Limits of an update over the network.
const (
	updateSilent = 20 * time.Second
	updateRate   = 16 << 10        // bytes each second, the least on average
	updatePeers  = 4               // connections at a time
	updateDrain  = 3 * time.Second // for a peer that sends on after the answer
)

// installer is slot.Card.Install for this device.
type installer func(io.Reader) (*update.Manifest, error)

// serveUpdates takes bundles on l until ctx ends or one was installed, which it tells
// by true. The answer is one line: "ok" or "refused", and why. Who has not sent
// a signed manifest within seconds is let go, so that nobody keeps others out.
func serveUpdates(ctx context.Context, l net.Listener, install installer, c *console) (installed bool) {
	ctx, end := context.WithCancel(ctx)
	var peers sync.WaitGroup
	var taken atomic.Bool
	defer context.AfterFunc(ctx, func() { l.Close() })()
	places := make(chan struct{}, updatePeers)
	for ctx.Err() == nil {
		conn, err := l.Accept()
		if err != nil {
			sleep(ctx, time.Second) // not for ever: the network may be new
			continue
		}
		select {
		case places <- struct{}{}:
		default:
			conn.Close()
			continue
		}
		peers.Go(func() {
			defer func() { <-places }()
			panics("update", c, func() {
				if takeUpdate(ctx, conn, install, c) {
					taken.Store(true)
					end()
				}
			})
		})
	}
	end()
	l.Close()
	peers.Wait()
	return taken.Load()
}

// takeUpdate reads one bundle.
func takeUpdate(ctx context.Context, conn net.Conn, install installer, c *console) (taken bool) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	c.say("update: %v sends one", conn.RemoteAddr())
	m, err := install(&impatient{conn: conn, begin: time.Now()})
	answer := ""
	if err != nil {
		answer = fmt.Sprintf("refused: %v\n", err)
	} else {
		answer = fmt.Sprintf("ok: %v is in the other slot; the board starts it now\n", m.Version)
	}
	c.say("update: %s", answer)
	conn.SetWriteDeadline(time.Now().Add(updateSilent))
	conn.Write([]byte(answer)) // who does not listen has it all the same
	// To close with bytes unread would reset the connection, and take the answer back.
	if half, ok := conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		conn.SetReadDeadline(time.Now().Add(updateDrain))
		io.Copy(io.Discard, conn)
	}
	return err == nil
}

// impatient ends a connection that is silent, or too slow.
type impatient struct {
	conn  net.Conn
	begin time.Time
	got   int64
}

// Read is part of io.Reader.
func (i *impatient) Read(b []byte) (int, error) {
	late := i.begin.Add(updateSilent + time.Duration(i.got)*time.Second/updateRate)
	if silent := time.Now().Add(updateSilent); silent.Before(late) {
		late = silent
	}
	i.conn.SetReadDeadline(late)
	n, err := i.conn.Read(b)
	i.got += int64(n)
	return n, err
}

// A trial is the time that a new image has to do accepted work, before the board
// starts again: then the boot loader has one try less.
type trial struct {
	card   *slot.Card // nil: no slots
	lasts  time.Duration
	proved bool
}

// trialFor is a trial's length unless the user sets another: long enough for a pool that is down for a while.
const trialFor = 15 * time.Minute

// run returns when the image is good or its time is up; then it calls again.
func (t *trial) run(ctx context.Context, good <-chan struct{}, c *console, again func()) {
	if t.card == nil {
		return
	}
	var late <-chan time.Time
	switch t.proved = t.card.Proved(); {
	case t.proved:
		if err := t.card.MarkGood(); err != nil { // gives its tries back
			c.say("slot %s: %v", t.card.Running, err)
		}
	case t.card.Fallback():
		c.say("slot %s: this image has to prove itself within %v", t.card.Running, t.lasts)
		timer := time.NewTimer(t.lasts)
		defer timer.Stop()
		late = timer.C
	default:
		c.say("slot %s: this image has not proved itself yet, nor has the other", t.card.Running)
	}
	select {
	case <-ctx.Done():
		return
	case <-late:
		c.say("slot %s: no accepted work in %v; the board starts again", t.card.Running, t.lasts)
		again()
		return
	case <-good:
	}
	err := t.card.MarkGood()
	c.did(fmt.Sprintf("slot %s", t.card.Running), "good", err)
}

package pid1

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/lodefw/lode/firmware/slot"
	"github.com/lodefw/lode/firmware/update"
)

// UpdatePort is where a board takes updates, one at a time. Whoever can reach it can
// send one; what is taken is decided by its signature.
const UpdatePort = 7781

// Limits of an update over the network.
const (
	updateWithin = 10 * time.Minute
	updateSilent = 20 * time.Second
)

// installer is slot.Card.Install for this device.
type installer func(io.Reader) (*update.Manifest, error)

// serveUpdates takes bundles on l until ctx ends. The answer is one line: "ok" or
// "refused", and why. installed is called after an update that was taken.
func serveUpdates(ctx context.Context, l net.Listener, install installer, c *console, installed func()) {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			if !sleep(ctx, time.Second) {
				return
			}
			continue
		}
		if takeUpdate(ctx, conn, install, c) {
			installed()
			return
		}
	}
}

// takeUpdate reads one bundle.
func takeUpdate(ctx context.Context, conn net.Conn, install installer, c *console) (taken bool) {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	end := time.Now().Add(updateWithin)
	c.say("update: %v sends one", conn.RemoteAddr())
	m, err := install(&impatient{conn, end})
	answer := ""
	if err != nil {
		answer = fmt.Sprintf("refused: %v\n", err)
	} else {
		answer = fmt.Sprintf("ok: %v is in the other slot; the board starts it now\n", m.Version)
	}
	c.say("update: %s", answer)
	conn.SetWriteDeadline(time.Now().Add(updateSilent))
	conn.Write([]byte(answer)) // who does not listen has it all the same
	return err == nil
}

// impatient ends a connection that is silent, or too slow.
type impatient struct {
	conn net.Conn
	end  time.Time
}

// Read is part of io.Reader.
func (i *impatient) Read(b []byte) (int, error) {
	next := time.Now().Add(updateSilent)
	if next.After(i.end) {
		next = i.end
	}
	i.conn.SetReadDeadline(next)
	return i.conn.Read(b)
}

// A trial is the time that a new image has to do accepted work, before the board
// starts again: then the boot loader has one try less.
type trial struct {
	card   *slot.Card // nil: no slots
	proved bool
}

// trialFor is long enough for a pool that is down for a while.
const trialFor = 15 * time.Minute

// run returns when the image is good or its time is up; then it calls again.
func (t *trial) run(ctx context.Context, good <-chan struct{}, c *console, again func()) {
	if t.card == nil {
		return
	}
	var late <-chan time.Time
	if t.proved = t.card.Proved(); !t.proved {
		c.say("slot %s: this image has to prove itself within %v", t.card.Running, trialFor)
		timer := time.NewTimer(trialFor)
		defer timer.Stop()
		late = timer.C
	} else if err := t.card.MarkGood(); err != nil { // gives its tries back
		c.say("slot %s: %v", t.card.Running, err)
	}
	select {
	case <-ctx.Done():
		return
	case <-late:
		c.say("slot %s: no accepted work in %v; the board starts again", t.card.Running, trialFor)
		again()
		return
	case <-good:
	}
	err := t.card.MarkGood()
	c.did(fmt.Sprintf("slot %s", t.card.Running), "good", err)
}

package device

import (
	"context"
	"errors"
	"time"

	"github.com/lodefw/lode/board"
)

// Pauses before a board that is off and not well is set up once more: one that does
// not answer at all may be plugged in at any moment, and hash all the while; the
// others may have been without power.
const (
	renewSilent = 2 * time.Second
	renewDoubt  = 30 * time.Second
	// renewWithin bounds each time.
	renewWithin = 5 * time.Second
)

// renewal is how a board that is off comes back from having had no power, or no cable.
type renewal struct {
	last time.Time
	err  string // of the last time
	gone bool   // its cable is unplugged: nobody can turn it off, nor restart it
}

// renewing has a board that is off and not well set up once more, when it is time.
func (g *guard) renewing(s *board.Sample) {
	if g.board.Renew == nil || g.doubt == "" || s.At.Sub(g.since) < renewSilent {
		return
	}
	pause := renewDoubt
	if s.Silent() || g.renewal.gone {
		pause = renewSilent
	}
	if last := g.renewal.last; !last.IsZero() && s.At.Sub(last) < pause {
		return
	}
	g.renewal.last = s.At
	g.hands.renew()
}

// onRenewed goes on with a board that was set up once more, or could not be.
func (g *guard) onRenewed(o outcome, now time.Time) {
	is := text(o.err)
	back := o.err == nil && (g.renewal.err != "" || o.name != "")
	switch {
	case o.name != "":
		g.event("board: " + o.name + "; it is off, and set up as at the start")
		g.log.Info("board is back", "news", o.name)
	case back:
		g.event("board answers again; it is off, and set up as at the start")
		g.log.Info("board answers again")
	case is != g.renewal.err:
		g.event("board cannot be set up: " + is)
		g.log.Warn("board cannot be set up; this is tried again and again", "err", is)
	}
	g.renewal.err, g.renewal.gone = is, errors.Is(o.err, board.ErrUnplugged)
	if o.err == nil {
		g.mu.Lock()
		g.duty = -1 // its fans have been set
		g.mu.Unlock()
	}
	if back {
		g.rests(now)
	}
}

// rests begins the rest of a board that is off anew: until now it may have hashed.
func (g *guard) rests(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.state.on() {
		g.since = now
	}
}

// cause is the reason for an error of a part. A cable that is unplugged comes before
// what has failed by that.
func (g *guard) cause(c Code, part int, format string, err error) Reason {
	if errors.Is(err, board.ErrUnplugged) {
		if len(g.links) == 1 {
			part = 0
		}
		return newReason(ControllerSilent, g.nameOf(part), "is gone, its ports do not work any more: is its cable plugged in?")
	}
	return newReason(c, g.nameOf(part), format, err)
}

// renew sets the board up once more, and tells.
func (h *hands) renew() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.renewing || h.ended {
		return
	}
	h.renewing = true
	ctx, cancel := context.WithTimeout(h.ctx, renewWithin)
	h.unrenew = cancel
	h.running.Go(func() {
		h.turn <- struct{}{}
		o := h.renewed(ctx)
		<-h.turn
		cancel()
		h.mu.Lock()
		h.renewing = false
		h.mu.Unlock()
		h.tell(o)
	})
}

func (h *hands) renewed(ctx context.Context) outcome {
	news, err := h.board.Renew(ctx)
	return outcome{what: renewed, name: news, err: err}
}

// renewTries are for a bus with glitches, when the board gets power.
const renewTries = 3

// ready sets the board up before it gets power.
func (h *hands) ready(ctx context.Context) (err error) {
	if h.board.Renew == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, renewWithin)
	defer cancel()
	for range renewTries {
		o := h.renewed(ctx)
		if err = o.err; err == nil {
			h.tell(o)
			return nil
		}
	}
	return err
}

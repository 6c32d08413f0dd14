package pool

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2/channel"
)

// work is what all channels are to be told: the newest one counts.
//
//	tip 7: start  -> the empty job that channels had got ahead, started by SetNewPrevHash
//	       body   -> the full job on this tip, renewed now and then
//	       next   -> the empty job for tip 8, sent ahead
//	tip 8: start (was next), body, next ...
type work struct {
	tip   uint64        // counts new tips
	body  *channel.Body // of the template, with transactions
	start *channel.Body // sent ahead for this tip; nil if none fits it
	next  *channel.Body // sent ahead for the tip after it; nil if none is possible
	made  time.Time
}

// Extranonces: prefixes of 6 bytes, and 4 more that make the jobs of one body differ.
const (
	prefixSize     = 6
	extranonceSize = prefixSize + 4
)

// maxTag keeps the scriptSig below 100 bytes, with a node's flags and height.
const maxTag = 40

// maker makes work from templates.
type maker struct {
	script   []byte // pays us
	tag      []byte // pushes of the pool's name and of its salt
	interval uint32 // blocks between halvings
}

// newMaker adds a salt to the tag, so that two pools with one payout address never
// search the same headers.
func newMaker(cfg Config) maker {
	salt := make([]byte, 4)
	rand.Read(salt) //nolint:errcheck // crypto/rand.Read never fails
	tag := append(bitcoin.Push([]byte(cfg.Tag)), bitcoin.Push(salt)...)
	return maker{script: cfg.PayoutScript, tag: tag, interval: cfg.SubsidyInterval}
}

func (m *maker) body(t *bitcoin.Template) (*channel.Body, error) {
	outputs := []bitcoin.Output{{Value: t.Value, Script: m.script}}
	return channel.NewBody(t, m.tag, outputs, extranonceSize)
}

// make makes the work that follows prev, which is nil at first.
func (m *maker) make(prev *work, t *bitcoin.Template, now time.Time) (*work, error) {
	body, err := m.body(t)
	if err != nil {
		return nil, fmt.Errorf("pool: template at height %d: %w", t.Height, err)
	}
	w := &work{tip: 1, body: body, made: now}
	switch {
	case prev == nil:
	case prev.on(t):
		w.tip, w.start, w.next = prev.tip, prev.start, prev.next
		return w, nil
	default:
		w.tip = prev.tip + 1
		if fits(prev.next, t) {
			w.start = prev.next
		}
	}
	w.next = m.ahead(t)
	return w, nil
}

// on says whether w is on the tip of t. Test networks let the difficulty fall when no
// block comes: devices know it from SetNewPrevHash, so that is a new tip to them.
func (w *work) on(t *bitcoin.Template) bool {
	return w.body.Tip.PrevHash == t.PrevHash && w.body.Tip.NBits == t.NBits
}

// ease is a device's target, or the network's where that is the easier one, as on
// private networks: a device must hold no block back.
func (w *work) ease(t bitcoin.Target) bitcoin.Target {
	if network := w.body.Tip.Target; t.Cmp(network) < 0 {
		return network
	}
	return t
}

// renew is the same work with a later time, for devices that want to hear from us
// now and then.
func (w *work) renew(now time.Time) *work {
	body := *w.body
	if s := now.Sub(w.made) / time.Second; s > 0 {
		body.NTime += uint32(s)
	}
	next := *w
	next.body, next.made = &body, now
	return &next
}

// fits says whether the empty job made ahead is right for a tip: the coinbase names
// the height, and pays no more than is allowed there.
func fits(ahead *channel.Body, t *bitcoin.Template) bool {
	return ahead != nil && ahead.Template.Height == t.Height && ahead.Template.Value <= t.Value
}

// ahead makes the empty job for the block after t. Of that only the height is
// known, and with it the reward: a block without transactions has no fees. Its
// witness commitment (BIP141) is one to nothing but the coinbase; signets refuse
// blocks without one (BIP325). The body is nil if the template's value shows that
// this network has another subsidy than we think.
func (m *maker) ahead(t *bitcoin.Template) *channel.Body {
	if t.Value < m.subsidy(t.Height) {
		return nil
	}
	height := t.Height + 1
	empty := &bitcoin.Template{
		Height: height, Version: t.Version, NBits: t.NBits, NTime: t.NTime, MinNTime: t.MinNTime,
		Value: m.subsidy(height), CoinbaseVersion: t.CoinbaseVersion,
		CoinbasePrefix: bitcoin.HeightPush(height), CoinbaseSequence: 0xffffffff,
		Witness: t.Witness,
	}
	if t.Witness {
		script := bitcoin.WitnessCommitment(nil)
		empty.CoinbaseOutputs = bitcoin.AppendOutputs(nil, []bitcoin.Output{{Script: script}})
		empty.CoinbaseOutputCount = 1
	}
	body, err := m.body(empty)
	if err != nil {
		return nil // the full template of that height will say why
	}
	body.Tip = nil // SetNewPrevHash brings it
	return body
}

// subsidy is the reward of a block without its fees, in satoshi: 50 coins, halved
// every interval blocks.
func (m *maker) subsidy(height uint32) uint64 {
	return 50e8 >> min(height/m.interval, 63)
}

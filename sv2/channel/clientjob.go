package channel

import (
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/mining"
)

// The life of a job at the client:
//
//	no MinNTime -> future --SetNewPrevHash names it--> active --newer job--> past
//	                 |                                   ^  |                 |
//	   SetNewPrevHash names another                      |  +-SetNewPrevHash--+
//	                 v                                   |            v
//	               dead          MinNTime, tip known ----+          dead

func (c *Client) newJob(m *mining.NewMiningJob, now time.Time) (Change, error) {
	if !c.concerns(m.ChannelID) {
		return Nothing, nil
	}
	if c.extended {
		return c.fault("standard job %d on an extended channel", m.JobID)
	}
	j := &Job{ID: m.JobID, Version: m.Version, VersionMask: c.mask, MerkleRoot: bitcoin.Hash(m.MerkleRoot)}
	return c.arrive(j, m.MinNTime, now)
}

// newExtendedJob also serves standard channels: their group may get its jobs this
// way, and their prefix is the whole extranonce (5.3.16).
func (c *Client) newExtendedJob(m *mining.NewExtendedMiningJob, now time.Time) (Change, error) {
	if !c.concerns(m.ChannelID) {
		return Nothing, nil
	}
	j := &Job{ID: m.JobID, Version: m.Version}
	if m.VersionRollingAllowed {
		j.VersionMask = c.mask
	}
	prefix, suffix, _ := bitcoin.StripBIP141(m.CoinbaseTxPrefix, m.CoinbaseTxSuffix)
	path := make([]bitcoin.Hash, len(m.MerklePath))
	for i, h := range m.MerklePath {
		path[i] = bitcoin.Hash(h)
	}
	if c.extended {
		coinbase := bitcoin.NewCoinbase(clone(prefix), clone(suffix), len(c.prefix)+c.size)
		j.Extended = &Extended{coinbase, path, c.size}
	} else {
		coinbase := bitcoin.Coinbase{Prefix: prefix, Suffix: suffix}
		j.MerkleRoot = bitcoin.FoldMerkle(coinbase.TxID(c.prefix), path)
	}
	return c.arrive(j, m.MinNTime, now)
}

// arrive queues a future job and starts another at once. One that starts at once
// but came before any tip waits with the future jobs.
func (c *Client) arrive(j *Job, minNTime sv2.OptU32, now time.Time) (Change, error) {
	j.Number, j.ExtranoncePrefix, j.NTime = c.numbers.Add(1), c.prefix, minNTime.Value
	first := !c.opened
	c.opened = true
	switch {
	case c.tip == nil || !minNTime.Valid && !(first && j.ID == c.tip.JobID):
		c.queue(j)
		return Nothing, nil
	case !minNTime.Valid: // the opening's two messages came in the other order
		j.NTime = c.tip.MinNTime
	}
	return c.start(j, now), nil
}

// queue keeps a future job. A number that waits already is taken over.
func (c *Client) queue(j *Job) {
	for i, f := range c.future {
		if f.ID == j.ID {
			c.future = append(c.future[:i], c.future[i+1:]...)
			break
		}
	}
	if len(c.future) == maxFuture {
		c.future = append(c.future[:0], c.future[1:]...)
	}
	c.future = append(c.future, j)
}

// start makes j the active job on the present tip and pins the target to it.
func (c *Client) start(j *Job, now time.Time) Change {
	j.PrevHash, j.NBits = bitcoin.Hash(c.tip.PrevHash), c.tip.NBits
	j.Target, j.Received = c.target, now
	change := JobChanged
	if len(c.live) == 0 {
		change = TipChanged
	}
	if len(c.live) == maxLive {
		c.live = append(c.live[:0], c.live[1:]...)
	}
	c.live = append(c.live, j)
	return change
}

// setNewPrevHash starts the future job that m names and kills all others (5.3.17).
func (c *Client) setNewPrevHash(m *mining.SetNewPrevHash, now time.Time) (Change, error) {
	if !c.concerns(m.ChannelID) {
		return Nothing, nil
	}
	tip := *m
	c.tip = &tip
	if !c.opened {
		return Nothing, nil // before the first job: a server that opens in the other order
	}
	named := c.take(m.JobID)
	c.stop()
	if named == nil {
		return c.fault("SetNewPrevHash names job %d, which is no future job", m.JobID)
	}
	named.NTime = max(named.NTime, m.MinNTime)
	return c.start(named, now), nil
}

// take is the future job with this ID, nil if there is none.
func (c *Client) take(id uint32) *Job {
	for _, j := range c.future {
		if j.ID == id {
			return j
		}
	}
	return nil
}

package pool

import (
	"bytes"
	"testing"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing/sha256d"
	"github.com/lodefw/lode/pool/embedded"
	"github.com/lodefw/lode/sv2/mining"
)

// TestEmptyBlockIsValid mines two blocks on the embedded chain, whose rules are
// btcd's: the second on the empty job that was sent ahead of the first.
func TestEmptyBlockIsValid(t *testing.T) {
	chain, err := embedded.Open(embedded.Config{HashRate: 1}) // the lowest difficulty: it cannot fall while we search
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { chain.Close() })
	r := prepareOn(t, Config{Batch: 1, Limits: Limits{WriteTimeout: time.Minute}}, true, chain)
	d := r.ready().open(1, 1e12)
	ahead := d.ahead()
	d.solve()
	d.tip = skipTo[*mining.SetNewPrevHash](d.device)
	if d.tip.JobID != ahead.JobID {
		t.Fatalf("tip %+v does not start job %d", d.tip, ahead.JobID)
	}
	d.job = ahead
	last := d.solve()
	for skipTo[*mining.SubmitSharesSuccess](d.device).LastSequenceNumber != last { // acknowledged when it is counted
	}
	if s := r.pool.Status(); s.Blocks != 2 || s.Refused != 0 || chain.Status().Height != 2 {
		t.Errorf("pool %+v, chain %+v", s, chain.Status())
	}
}

// TestEmptyBlockCommits: signets take no block without a witness commitment
// (bad-signet-blksig), and chains without BIP141 none with one.
func TestEmptyBlockCommits(t *testing.T) {
	m := newMaker(Config{Tag: "/t/", SubsidyInterval: 210_000, PayoutScript: []byte{0x51}})
	for _, witness := range []bool{false, true} {
		tmpl := template(100, 1, hardBits)
		tmpl.Witness = witness
		body := m.ahead(tmpl)
		commits := bytes.Contains(body.Coinbase.Suffix, bitcoin.WitnessCommitment(nil))
		if commits != witness || body.Coinbase.Witness != witness {
			t.Errorf("template with witness %v: empty block commits %v, has the reserved value %v",
				witness, commits, body.Coinbase.Witness)
		}
	}
}

// solve hands in a share that is a block, and is its sequence number.
func (m *miner) solve() uint32 {
	m.t.Helper()
	target, err := bitcoin.CompactTarget(m.tip.NBits)
	if err != nil {
		m.t.Fatal(err)
	}
	kernel, err := sha256d.Choose("")
	if err != nil {
		m.t.Fatal(err)
	}
	m.seq++
	share, _ := m.try()
	h := bitcoin.Header{
		PrevHash: bitcoin.Hash(m.tip.PrevHash), MerkleRoot: bitcoin.Hash(m.job.MerkleRoot),
		NTime: share.NTime, NBits: m.tip.NBits,
	}
	var hits [64]sha256d.Hit
	var header [80]byte
	var s sha256d.Search
	h.Version = share.Version
	h.Put(&header)
	s.Prepare(&header, nil, (*[32]byte)(&target))
	const step = 1 << 18
	for start := uint32(0); start < 1<<31; start += step {
		n, _ := kernel.Scan(&s, start, step, hits[:])
		for _, hit := range hits[:n] {
			if h.Nonce = hit.Nonce; target.MetBy(h.Hash()) {
				share.Nonce = hit.Nonce
				m.send(share)
				return share.SequenceNumber
			}
		}
	}
	m.t.Fatal("no block in 2^31 hashes, where 2^20 do on average")
	return 0
}

package channel

import (
	"testing"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/internal/vectors"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/mining"
)

type shareVector struct {
	Channel          string      `json:"channel"`
	ExtranoncePrefix vectors.Hex `json:"extranonce_prefix"`
	PrevHash         vectors.Hex `json:"prev_hash"`
	NBits            uint32      `json:"nbits"`
	JobVersion       uint32      `json:"job_version"`
	Share            struct {
		Nonce, NTime, Version uint32
		Extranonce            vectors.Hex
	} `json:"share"`
	MerklePath []vectors.Hex `json:"merkle_path"`
	MerkleRoot vectors.Hex   `json:"merkle_root"`
	Header     vectors.Hex   `json:"header"`
	Prefix     vectors.Hex   `json:"coinbase_tx_prefix"`
	Suffix     vectors.Hex   `json:"coinbase_tx_suffix"`
	MeetsNBits bool          `json:"meets_nbits"`
	Targets    []struct {
		Target vectors.Hex `json:"target_le"`
		Meets  bool        `json:"meets"`
	} `json:"targets_to_try"`
}

func TestShareVectors(t *testing.T) {
	vectors.Each(t, "sv2_shares", func(t *testing.T, v shareVector) {
		for _, try := range v.Targets {
			target := bitcoin.Target(u256(try.Target))
			v.judge(t, target, try.Meets)
		}
		if v.Prefix != nil {
			v.root(t)
		}
	})
}

// judge submits the share to a server whose only job has the vector's root.
func (v *shareVector) judge(t *testing.T, target bitcoin.Target, meets bool) {
	tip, err := NewTip(bitcoin.Hash(u256(v.PrevHash)), v.Share.NTime, v.NBits)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewServer(Grant{ChannelID: 7, Target: target, VersionMask: mining.VersionMask})
	if err != nil {
		t.Fatal(err)
	}
	s.begin(serverJob{id: 3, body: &Body{Version: v.JobVersion}, root: bitcoin.Hash(u256(v.MerkleRoot))}, tip)
	m := mining.SubmitSharesStandard{ChannelID: 7, JobID: 3, Nonce: v.Share.Nonce, NTime: v.Share.NTime, Version: v.Share.Version}
	r, code := s.Submit(&m, time.Unix(int64(v.Share.NTime), 0))
	var header [80]byte
	r.Header.Put(&header)
	if hexText(header[:]) != hexText(v.Header) {
		t.Errorf("header %x, want %x", header, v.Header)
	}
	if r.Block != v.MeetsNBits || r.Accepted != (meets || v.MeetsNBits) || (code == "") != r.Accepted {
		t.Errorf("target %v: block %v, accepted %v, code %q", target, r.Block, r.Accepted, code)
	}
}

// root has a client work out the merkle root from the coinbase halves, as its own
// job (an extended channel) and as its group's (a standard one).
func (v *shareVector) root(t *testing.T) {
	m := &mining.NewExtendedMiningJob{
		ChannelID: 1, JobID: 1, MinNTime: sv2.Some(v.Share.NTime), Version: v.JobVersion,
		CoinbaseTxPrefix: sv2.Bytes(v.Prefix), CoinbaseTxSuffix: sv2.Bytes(v.Suffix),
	}
	for _, h := range v.MerklePath {
		m.MerklePath = append(m.MerklePath, u256(h))
	}
	full := append(clone(v.ExtranoncePrefix), v.Share.Extranonce...)
	extended := NewClient(Opening{ChannelID: 1, Extended: true, ExtranoncePrefix: v.ExtranoncePrefix, ExtranonceSize: len(v.Share.Extranonce)})
	standard := NewClient(Opening{ChannelID: 1, ExtranoncePrefix: full})
	for _, c := range []*Client{extended, standard} {
		handle(t, c, prevHash(1, 1, 0), Nothing)
		handle(t, c, m, TipChanged)
		if got := c.Active().Root(v.Share.Extranonce); got != bitcoin.Hash(u256(v.MerkleRoot)) {
			t.Errorf("root %v, want %v", got, bitcoin.Hash(u256(v.MerkleRoot)))
		}
	}
}

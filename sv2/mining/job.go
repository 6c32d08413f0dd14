package mining

import "github.com/lodefw/lode/sv2"

// NewMiningJob gives a standard channel its next job (5.3.15). A job without
// MinNTime is a future job: SetNewPrevHash starts it.
type NewMiningJob struct {
	ChannelID  uint32
	JobID      uint32
	MinNTime   sv2.OptU32
	Version    uint32
	MerkleRoot sv2.U256
}

func (*NewMiningJob) Type() sv2.Type { return TypeNewMiningJob }

func (m *NewMiningJob) Wire(c *sv2.Codec) {
	c.U32(&m.ChannelID)
	c.U32(&m.JobID)
	c.OptU32(&m.MinNTime)
	c.U32(&m.Version)
	c.U256(&m.MerkleRoot)
}

// NewExtendedMiningJob gives extended and group channels their next job (5.3.16). The
// coinbase halves are without BIP141 fields, MerklePath is deepest first.
type NewExtendedMiningJob struct {
	ChannelID             uint32
	JobID                 uint32
	MinNTime              sv2.OptU32
	Version               uint32
	VersionRollingAllowed bool
	MerklePath            []sv2.U256
	CoinbaseTxPrefix      sv2.Bytes
	CoinbaseTxSuffix      sv2.Bytes
}

func (*NewExtendedMiningJob) Type() sv2.Type { return TypeNewExtendedMiningJob }

func (m *NewExtendedMiningJob) Wire(c *sv2.Codec) {
	c.U32(&m.ChannelID)
	c.U32(&m.JobID)
	c.OptU32(&m.MinNTime)
	c.U32(&m.Version)
	c.Bool(&m.VersionRollingAllowed)
	c.Seq255U256(&m.MerklePath)
	c.B64K(&m.CoinbaseTxPrefix)
	c.B64K(&m.CoinbaseTxSuffix)
}

// SetNewPrevHash starts the future job JobID on a new tip; all other jobs of the
// channel die (5.3.17).
type SetNewPrevHash struct {
	ChannelID uint32
	JobID     uint32
	PrevHash  sv2.U256
	MinNTime  uint32
	NBits     uint32
}

func (*SetNewPrevHash) Type() sv2.Type { return TypeSetNewPrevHash }

func (m *SetNewPrevHash) Wire(c *sv2.Codec) {
	c.U32(&m.ChannelID)
	c.U32(&m.JobID)
	c.U256(&m.PrevHash)
	c.U32(&m.MinNTime)
	c.U32(&m.NBits)
}

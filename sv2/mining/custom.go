package mining

import "github.com/lodefw/lode/sv2"

// SetCustomMiningJob asks the server to accept work that the client chose (5.3.18).
// CoinbaseTxOutputs begin with their CompactSize count.
type SetCustomMiningJob struct {
	ChannelID                uint32
	RequestID                uint32
	MiningJobToken           sv2.Bytes
	Version                  uint32
	PrevHash                 sv2.U256
	MinNTime                 uint32
	NBits                    uint32
	CoinbaseTxVersion        uint32
	CoinbasePrefix           sv2.Bytes
	CoinbaseTxInputNSequence uint32
	CoinbaseTxOutputs        sv2.Bytes
	CoinbaseTxLocktime       uint32
	MerklePath               []sv2.U256
}

func (*SetCustomMiningJob) Type() sv2.Type { return TypeSetCustomMiningJob }

func (m *SetCustomMiningJob) Wire(c *sv2.Codec) {
	c.U32(&m.ChannelID)
	c.U32(&m.RequestID)
	c.B255(&m.MiningJobToken)
	c.U32(&m.Version)
	c.U256(&m.PrevHash)
	c.U32(&m.MinNTime)
	c.U32(&m.NBits)
	c.U32(&m.CoinbaseTxVersion)
	c.B255(&m.CoinbasePrefix)
	c.U32(&m.CoinbaseTxInputNSequence)
	c.B64K(&m.CoinbaseTxOutputs)
	c.U32(&m.CoinbaseTxLocktime)
	c.Seq255U256(&m.MerklePath)
}

// SetCustomMiningJobSuccess accepts a custom job and gives it its number (5.3.19).
type SetCustomMiningJobSuccess struct {
	ChannelID uint32
	RequestID uint32
	JobID     uint32
}

func (*SetCustomMiningJobSuccess) Type() sv2.Type { return TypeSetCustomMiningJobSuccess }

func (m *SetCustomMiningJobSuccess) Wire(c *sv2.Codec) {
	c.U32(&m.ChannelID)
	c.U32(&m.RequestID)
	c.U32(&m.JobID)
}

// Error codes of SetCustomMiningJob.Error, besides CodeInvalidChannelID.
const (
	CodeJDNotSupported                  = "jd-not-supported"
	CodeInvalidMiningJobToken           = "invalid-mining-job-token"
	CodeJobNotYetValidated              = "job-not-yet-validated"
	CodeStaleChainTip                   = "stale-chain-tip"
	CodeInvalidVersion                  = "invalid-version"
	CodeInvalidMinNTime                 = "invalid-min-ntime"
	CodeInvalidNBits                    = "invalid-nbits"
	CodeInvalidCoinbaseTx               = "invalid-coinbase-tx"
	CodeInvalidCoinbaseTxVersion        = "invalid-coinbase-tx-version"
	CodeInvalidCoinbasePrefix           = "invalid-coinbase-prefix"
	CodeInvalidCoinbaseTxInputNSequence = "invalid-coinbase-tx-input-n-sequence"
	CodeInvalidCoinbaseTxOutputs        = "invalid-coinbase-tx-outputs"
	CodeInvalidCoinbaseTxLocktime       = "invalid-coinbase-tx-locktime"
	CodeInvalidMerklePath               = "invalid-merkle-path"
)

// SetCustomMiningJobError refuses a custom job (5.3.20).
type SetCustomMiningJobError struct {
	ChannelID uint32
	RequestID uint32
	ErrorCode string
}

func (*SetCustomMiningJobError) Type() sv2.Type { return TypeSetCustomMiningJobError }

func (m *SetCustomMiningJobError) Wire(c *sv2.Codec) {
	c.U32(&m.ChannelID)
	c.U32(&m.RequestID)
	c.Str(&m.ErrorCode)
}

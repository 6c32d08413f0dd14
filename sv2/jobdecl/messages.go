package jobdecl

import "github.com/lodefw/lode/sv2"

// Message numbers (chapter 8).
const (
	TypeAllocateMiningJobToken            sv2.Type = 0x50
	TypeAllocateMiningJobTokenSuccess     sv2.Type = 0x51
	TypeProvideMissingTransactions        sv2.Type = 0x55
	TypeProvideMissingTransactionsSuccess sv2.Type = 0x56
	TypeDeclareMiningJob                  sv2.Type = 0x57
	TypeDeclareMiningJobSuccess           sv2.Type = 0x58
	TypeDeclareMiningJobError             sv2.Type = 0x59
	TypePushSolution                      sv2.Type = 0x60
)

// New returns an empty message for a type, nil if this subprotocol has none. The
// channel bit is not looked at.
func New(t sv2.Type) sv2.Message {
	switch t.Plain() {
	case TypeAllocateMiningJobToken.Plain():
		return new(AllocateMiningJobToken)
	case TypeAllocateMiningJobTokenSuccess.Plain():
		return new(AllocateMiningJobTokenSuccess)
	case TypeProvideMissingTransactions.Plain():
		return new(ProvideMissingTransactions)
	case TypeProvideMissingTransactionsSuccess.Plain():
		return new(ProvideMissingTransactionsSuccess)
	case TypeDeclareMiningJob.Plain():
		return new(DeclareMiningJob)
	case TypeDeclareMiningJobSuccess.Plain():
		return new(DeclareMiningJobSuccess)
	case TypeDeclareMiningJobError.Plain():
		return new(DeclareMiningJobError)
	case TypePushSolution.Plain():
		return new(PushSolution)
	}
	return sv2.New(t)
}

// AllocateMiningJobToken asks for a token for one job (6.4.2).
type AllocateMiningJobToken struct {
	UserIdentifier string
	RequestID      uint32
}

func (*AllocateMiningJobToken) Type() sv2.Type { return TypeAllocateMiningJobToken }

func (m *AllocateMiningJobToken) Wire(c *sv2.Codec) {
	c.Str(&m.UserIdentifier)
	c.U32(&m.RequestID)
}

// AllocateMiningJobTokenSuccess grants a token (6.4.3). CoinbaseTxOutputs begin with their
// CompactSize count; the first pays the pool.
type AllocateMiningJobTokenSuccess struct {
	RequestID         uint32
	MiningJobToken    sv2.Bytes
	CoinbaseTxOutputs sv2.Bytes
}

func (*AllocateMiningJobTokenSuccess) Type() sv2.Type { return TypeAllocateMiningJobTokenSuccess }

func (m *AllocateMiningJobTokenSuccess) Wire(c *sv2.Codec) {
	c.U32(&m.RequestID)
	c.B255(&m.MiningJobToken)
	c.B64K(&m.CoinbaseTxOutputs)
}

// ProvideMissingTransactions asks for transactions of a declared job by their
// position in its WTxIDList (6.4.7).
type ProvideMissingTransactions struct {
	RequestID             uint32
	UnknownTxPositionList []uint16
}

func (*ProvideMissingTransactions) Type() sv2.Type { return TypeProvideMissingTransactions }

func (m *ProvideMissingTransactions) Wire(c *sv2.Codec) {
	c.U32(&m.RequestID)
	c.SeqU16(&m.UnknownTxPositionList)
}

// ProvideMissingTransactionsSuccess has them in the order asked (6.4.8).
type ProvideMissingTransactionsSuccess struct {
	RequestID       uint32
	TransactionList []sv2.Bytes
}

func (*ProvideMissingTransactionsSuccess) Type() sv2.Type {
	return TypeProvideMissingTransactionsSuccess
}

func (m *ProvideMissingTransactionsSuccess) Wire(c *sv2.Codec) {
	c.U32(&m.RequestID)
	c.SeqB16M(&m.TransactionList)
}

// DeclareMiningJob tells the pool what the miner will work on (6.4.4). The coinbase halves
// carry their BIP141 fields; WTxIDList is without the coinbase.
type DeclareMiningJob struct {
	RequestID        uint32
	MiningJobToken   sv2.Bytes
	Version          uint32
	CoinbaseTxPrefix sv2.Bytes
	CoinbaseTxSuffix sv2.Bytes
	WTxIDList        []sv2.U256
	ExcessData       sv2.Bytes
}

func (*DeclareMiningJob) Type() sv2.Type { return TypeDeclareMiningJob }

func (m *DeclareMiningJob) Wire(c *sv2.Codec) {
	c.U32(&m.RequestID)
	c.B255(&m.MiningJobToken)
	c.U32(&m.Version)
	c.B64K(&m.CoinbaseTxPrefix)
	c.B64K(&m.CoinbaseTxSuffix)
	c.SeqU256(&m.WTxIDList)
	c.B64K(&m.ExcessData)
}

// DeclareMiningJobSuccess accepts a declared job; its token goes into
// SetCustomMiningJob (6.4.5).
type DeclareMiningJobSuccess struct {
	RequestID         uint32
	NewMiningJobToken sv2.Bytes
}

func (*DeclareMiningJobSuccess) Type() sv2.Type { return TypeDeclareMiningJobSuccess }

func (m *DeclareMiningJobSuccess) Wire(c *sv2.Codec) {
	c.U32(&m.RequestID)
	c.B255(&m.NewMiningJobToken)
}

// Error codes of DeclareMiningJob.Error.
const (
	CodeInvalidMiningJobToken  = "invalid-mining-job-token"
	CodeInvalidJob             = "invalid-job"
	CodeMissingTxs             = "missing-txs"
	CodeStaleChainTip          = "stale-chain-tip"
	CodeInvalidCoinbaseTx      = "invalid-coinbase-tx"
	CodeInvalidCoinbaseTxInput = "invalid-coinbase-tx-input"
	CodeInternalError          = "internal-error"
)

// DeclareMiningJobError refuses a declared job (6.4.6).
type DeclareMiningJobError struct {
	RequestID    uint32
	ErrorCode    string
	ErrorDetails sv2.Bytes
}

func (*DeclareMiningJobError) Type() sv2.Type { return TypeDeclareMiningJobError }

func (m *DeclareMiningJobError) Wire(c *sv2.Codec) {
	c.U32(&m.RequestID)
	c.Str(&m.ErrorCode)
	c.B64K(&m.ErrorDetails)
}

// PushSolution hands the pool a block found on the last accepted job (6.4.9). Extranonce
// is the whole one.
type PushSolution struct {
	Extranonce sv2.Bytes
	PrevHash   sv2.U256
	Nonce      uint32
	NTime      uint32
	NBits      uint32
	Version    uint32
}

func (*PushSolution) Type() sv2.Type { return TypePushSolution }

func (m *PushSolution) Wire(c *sv2.Codec) {
	c.B32(&m.Extranonce)
	c.U256(&m.PrevHash)
	c.U32(&m.Nonce)
	c.U32(&m.NTime)
	c.U32(&m.NBits)
	c.U32(&m.Version)
}

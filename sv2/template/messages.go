package template

import "github.com/lodefw/lode/sv2"

// Message numbers (chapter 8).
const (
	TypeCoinbaseOutputConstraints     sv2.Type = 0x70
	TypeNewTemplate                   sv2.Type = 0x71
	TypeSetNewPrevHash                sv2.Type = 0x72
	TypeRequestTransactionData        sv2.Type = 0x73
	TypeRequestTransactionDataSuccess sv2.Type = 0x74
	TypeRequestTransactionDataError   sv2.Type = 0x75
	TypeSubmitSolution                sv2.Type = 0x76
)

// New returns an empty message for a type, nil if this subprotocol has none. The
// channel bit is not looked at.
func New(t sv2.Type) sv2.Message {
	switch t.Plain() {
	case TypeCoinbaseOutputConstraints.Plain():
		return new(CoinbaseOutputConstraints)
	case TypeNewTemplate.Plain():
		return new(NewTemplate)
	case TypeSetNewPrevHash.Plain():
		return new(SetNewPrevHash)
	case TypeRequestTransactionData.Plain():
		return new(RequestTransactionData)
	case TypeRequestTransactionDataSuccess.Plain():
		return new(RequestTransactionDataSuccess)
	case TypeRequestTransactionDataError.Plain():
		return new(RequestTransactionDataError)
	case TypeSubmitSolution.Plain():
		return new(SubmitSolution)
	}
	return sv2.New(t)
}

// CoinbaseOutputConstraints says how much room the client wants in the coinbase:
// bytes of serialized outputs, and signature operations (7.1).
type CoinbaseOutputConstraints struct {
	CoinbaseOutputMaxAdditionalSize   uint32
	CoinbaseOutputMaxAdditionalSigops uint16
}

func (*CoinbaseOutputConstraints) Type() sv2.Type { return TypeCoinbaseOutputConstraints }

func (m *CoinbaseOutputConstraints) Wire(c *sv2.Codec) {
	c.U32(&m.CoinbaseOutputMaxAdditionalSize)
	c.U16(&m.CoinbaseOutputMaxAdditionalSigops)
}

// NewTemplate gives what a job is built from (7.2). CoinbaseTxOutputs are bare, without
// a count; CoinbaseTxValueRemaining is in satoshi.
type NewTemplate struct {
	TemplateID               uint64
	FutureTemplate           bool
	Version                  uint32
	CoinbaseTxVersion        uint32
	CoinbasePrefix           sv2.Bytes
	CoinbaseTxInputSequence  uint32
	CoinbaseTxValueRemaining uint64
	CoinbaseTxOutputsCount   uint32
	CoinbaseTxOutputs        sv2.Bytes
	CoinbaseTxLocktime       uint32
	MerklePath               []sv2.U256
}

func (*NewTemplate) Type() sv2.Type { return TypeNewTemplate }

func (m *NewTemplate) Wire(c *sv2.Codec) {
	c.U64(&m.TemplateID)
	c.Bool(&m.FutureTemplate)
	c.U32(&m.Version)
	c.U32(&m.CoinbaseTxVersion)
	c.B255(&m.CoinbasePrefix)
	c.U32(&m.CoinbaseTxInputSequence)
	c.U64(&m.CoinbaseTxValueRemaining)
	c.U32(&m.CoinbaseTxOutputsCount)
	c.B64K(&m.CoinbaseTxOutputs)
	c.U32(&m.CoinbaseTxLocktime)
	c.Seq255U256(&m.MerklePath)
}

// SetNewPrevHash starts a future template on a new tip (7.3). HeaderTimestamp is
// where to begin, not a lower bound.
type SetNewPrevHash struct {
	TemplateID      uint64
	PrevHash        sv2.U256
	HeaderTimestamp uint32
	NBits           uint32
	Target          sv2.U256
}

func (*SetNewPrevHash) Type() sv2.Type { return TypeSetNewPrevHash }

func (m *SetNewPrevHash) Wire(c *sv2.Codec) {
	c.U64(&m.TemplateID)
	c.U256(&m.PrevHash)
	c.U32(&m.HeaderTimestamp)
	c.U32(&m.NBits)
	c.U256(&m.Target)
}

// RequestTransactionData asks for the transactions of a template (7.4).
type RequestTransactionData struct {
	TemplateID uint64
}

func (*RequestTransactionData) Type() sv2.Type { return TypeRequestTransactionData }

func (m *RequestTransactionData) Wire(c *sv2.Codec) {
	c.U64(&m.TemplateID)
}

// RequestTransactionDataSuccess has them, coinbase left out (7.5).
type RequestTransactionDataSuccess struct {
	TemplateID      uint64
	ExcessData      sv2.Bytes
	TransactionList []sv2.Bytes
}

func (*RequestTransactionDataSuccess) Type() sv2.Type { return TypeRequestTransactionDataSuccess }

func (m *RequestTransactionDataSuccess) Wire(c *sv2.Codec) {
	c.U64(&m.TemplateID)
	c.B64K(&m.ExcessData)
	c.SeqB16M(&m.TransactionList)
}

// Error codes of RequestTransactionData.Error.
const (
	CodeTemplateIDNotFound = "template-id-not-found"
	CodeStaleTemplateID    = "stale-template-id"
)

// RequestTransactionDataError says why they cannot be had (7.6).
type RequestTransactionDataError struct {
	TemplateID uint64
	ErrorCode  string
}

func (*RequestTransactionDataError) Type() sv2.Type { return TypeRequestTransactionDataError }

func (m *RequestTransactionDataError) Wire(c *sv2.Codec) {
	c.U64(&m.TemplateID)
	c.Str(&m.ErrorCode)
}

// SubmitSolution hands the node a block (7.7). CoinbaseTx is whole, with its witness.
type SubmitSolution struct {
	TemplateID      uint64
	Version         uint32
	HeaderTimestamp uint32
	HeaderNonce     uint32
	CoinbaseTx      sv2.Bytes
}

func (*SubmitSolution) Type() sv2.Type { return TypeSubmitSolution }

func (m *SubmitSolution) Wire(c *sv2.Codec) {
	c.U64(&m.TemplateID)
	c.U32(&m.Version)
	c.U32(&m.HeaderTimestamp)
	c.U32(&m.HeaderNonce)
	c.B64K(&m.CoinbaseTx)
}

package mining

import "github.com/lodefw/lode/sv2"

// SubmitSharesStandard hands in one share of a standard channel (5.3.11). Version is the
// whole field with rolled bits.
type SubmitSharesStandard struct {
	ChannelID      uint32
	SequenceNumber uint32
	JobID          uint32
	Nonce          uint32
	NTime          uint32
	Version        uint32
}

func (*SubmitSharesStandard) Type() sv2.Type { return TypeSubmitSharesStandard }

func (m *SubmitSharesStandard) Wire(c *sv2.Codec) {
	c.U32(&m.ChannelID)
	c.U32(&m.SequenceNumber)
	c.U32(&m.JobID)
	c.U32(&m.Nonce)
	c.U32(&m.NTime)
	c.U32(&m.Version)
}

// SubmitSharesExtended hands in one share of an extended channel (5.3.12). Extranonce
// is without the prefix.
type SubmitSharesExtended struct {
	ChannelID      uint32
	SequenceNumber uint32
	JobID          uint32
	Nonce          uint32
	NTime          uint32
	Version        uint32
	Extranonce     sv2.Bytes
}

func (*SubmitSharesExtended) Type() sv2.Type { return TypeSubmitSharesExtended }

func (m *SubmitSharesExtended) Wire(c *sv2.Codec) {
	c.U32(&m.ChannelID)
	c.U32(&m.SequenceNumber)
	c.U32(&m.JobID)
	c.U32(&m.Nonce)
	c.U32(&m.NTime)
	c.U32(&m.Version)
	c.B32(&m.Extranonce)
}

// SubmitSharesSuccess accepts all shares up to LastSequenceNumber that were not
// refused (5.3.13). The counters are of this batch; NewSharesSum is a sum of difficulties.
type SubmitSharesSuccess struct {
	ChannelID               uint32
	LastSequenceNumber      uint32
	NewSubmitsAcceptedCount uint32
	NewSharesSum            uint64
}

func (*SubmitSharesSuccess) Type() sv2.Type { return TypeSubmitSharesSuccess }

func (m *SubmitSharesSuccess) Wire(c *sv2.Codec) {
	c.U32(&m.ChannelID)
	c.U32(&m.LastSequenceNumber)
	c.U32(&m.NewSubmitsAcceptedCount)
	c.U64(&m.NewSharesSum)
}

// Error codes of SubmitShares.Error, besides CodeInvalidChannelID.
const (
	CodeInvalidJobID                 = "invalid-job-id"
	CodeStaleShare                   = "stale-share"
	CodeDifficultyTooLow             = "difficulty-too-low"
	CodeDuplicateShare               = "duplicate-share"
	CodeInvalidShare                 = "invalid-share"
	CodeBadExtranonceSize            = "bad-extranonce-size"
	CodeVersionRollingNotAllowed     = "version-rolling-not-allowed"
	CodeInvalidNonRollableVersionBit = "invalid-non-rollable-version-bit"
)

// SubmitSharesError refuses one share (5.3.14).
type SubmitSharesError struct {
	ChannelID      uint32
	SequenceNumber uint32
	ErrorCode      string
}

func (*SubmitSharesError) Type() sv2.Type { return TypeSubmitSharesError }

func (m *SubmitSharesError) Wire(c *sv2.Codec) {
	c.U32(&m.ChannelID)
	c.U32(&m.SequenceNumber)
	c.Str(&m.ErrorCode)
}

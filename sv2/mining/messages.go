package mining

import "github.com/lodefw/lode/sv2"

// Message numbers (chapter 8).
const (
	TypeOpenStandardMiningChannel        sv2.Type = 0x10
	TypeOpenStandardMiningChannelSuccess sv2.Type = 0x11
	TypeOpenMiningChannelError           sv2.Type = 0x12
	TypeOpenExtendedMiningChannel        sv2.Type = 0x13
	TypeOpenExtendedMiningChannelSuccess sv2.Type = 0x14
	TypeNewMiningJob                     sv2.Type = sv2.ChannelMsg | 0x15
	TypeUpdateChannel                    sv2.Type = sv2.ChannelMsg | 0x16
	TypeUpdateChannelError               sv2.Type = sv2.ChannelMsg | 0x17
	TypeCloseChannel                     sv2.Type = sv2.ChannelMsg | 0x18
	TypeSetExtranoncePrefix              sv2.Type = sv2.ChannelMsg | 0x19
	TypeSubmitSharesStandard             sv2.Type = sv2.ChannelMsg | 0x1a
	TypeSubmitSharesExtended             sv2.Type = sv2.ChannelMsg | 0x1b
	TypeSubmitSharesSuccess              sv2.Type = sv2.ChannelMsg | 0x1c
	TypeSubmitSharesError                sv2.Type = sv2.ChannelMsg | 0x1d
	TypeNewExtendedMiningJob             sv2.Type = sv2.ChannelMsg | 0x1f
	TypeSetNewPrevHash                   sv2.Type = sv2.ChannelMsg | 0x20
	TypeSetTarget                        sv2.Type = sv2.ChannelMsg | 0x21
	TypeSetCustomMiningJob               sv2.Type = sv2.ChannelMsg | 0x22
	TypeSetCustomMiningJobSuccess        sv2.Type = sv2.ChannelMsg | 0x23
	TypeSetCustomMiningJobError          sv2.Type = sv2.ChannelMsg | 0x24
	TypeSetGroupChannel                  sv2.Type = 0x25
)

// New returns an empty message for a type, nil if this subprotocol has none. The
// channel bit is not looked at.
func New(t sv2.Type) sv2.Message {
	switch t.Plain() {
	case TypeOpenStandardMiningChannel.Plain():
		return new(OpenStandardMiningChannel)
	case TypeOpenStandardMiningChannelSuccess.Plain():
		return new(OpenStandardMiningChannelSuccess)
	case TypeOpenMiningChannelError.Plain():
		return new(OpenMiningChannelError)
	case TypeOpenExtendedMiningChannel.Plain():
		return new(OpenExtendedMiningChannel)
	case TypeOpenExtendedMiningChannelSuccess.Plain():
		return new(OpenExtendedMiningChannelSuccess)
	case TypeNewMiningJob.Plain():
		return new(NewMiningJob)
	case TypeUpdateChannel.Plain():
		return new(UpdateChannel)
	case TypeUpdateChannelError.Plain():
		return new(UpdateChannelError)
	case TypeCloseChannel.Plain():
		return new(CloseChannel)
	case TypeSetExtranoncePrefix.Plain():
		return new(SetExtranoncePrefix)
	case TypeSubmitSharesStandard.Plain():
		return new(SubmitSharesStandard)
	case TypeSubmitSharesExtended.Plain():
		return new(SubmitSharesExtended)
	case TypeSubmitSharesSuccess.Plain():
		return new(SubmitSharesSuccess)
	case TypeSubmitSharesError.Plain():
		return new(SubmitSharesError)
	case TypeNewExtendedMiningJob.Plain():
		return new(NewExtendedMiningJob)
	case TypeSetNewPrevHash.Plain():
		return new(SetNewPrevHash)
	case TypeSetTarget.Plain():
		return new(SetTarget)
	case TypeSetCustomMiningJob.Plain():
		return new(SetCustomMiningJob)
	case TypeSetCustomMiningJobSuccess.Plain():
		return new(SetCustomMiningJobSuccess)
	case TypeSetCustomMiningJobError.Plain():
		return new(SetCustomMiningJobError)
	case TypeSetGroupChannel.Plain():
		return new(SetGroupChannel)
	}
	return sv2.New(t)
}

// OpenStandardMiningChannel asks for a standard channel (5.3.2). NominalHashRate is in
// hashes per second; MaxTarget is the easiest target that the device can use.
type OpenStandardMiningChannel struct {
	RequestID       uint32
	UserIdentity    string
	NominalHashRate sv2.F32
	MaxTarget       sv2.U256
}

func (*OpenStandardMiningChannel) Type() sv2.Type { return TypeOpenStandardMiningChannel }

func (m *OpenStandardMiningChannel) Wire(c *sv2.Codec) {
	c.U32(&m.RequestID)
	c.Str(&m.UserIdentity)
	c.F32(&m.NominalHashRate)
	c.U256(&m.MaxTarget)
}

// OpenStandardMiningChannelSuccess opens the channel (5.3.3). A group 0 may mean none.
type OpenStandardMiningChannelSuccess struct {
	RequestID        uint32
	ChannelID        uint32
	Target           sv2.U256
	ExtranoncePrefix sv2.Bytes
	GroupChannelID   uint32
}

func (*OpenStandardMiningChannelSuccess) Type() sv2.Type { return TypeOpenStandardMiningChannelSuccess }

func (m *OpenStandardMiningChannelSuccess) Wire(c *sv2.Codec) {
	c.U32(&m.RequestID)
	c.U32(&m.ChannelID)
	c.U256(&m.Target)
	c.B32(&m.ExtranoncePrefix)
	c.U32(&m.GroupChannelID)
}

// OpenMiningChannelError refuses to open a channel of either kind (5.3.6).
type OpenMiningChannelError struct {
	RequestID uint32
	ErrorCode string
}

func (*OpenMiningChannelError) Type() sv2.Type { return TypeOpenMiningChannelError }

func (m *OpenMiningChannelError) Wire(c *sv2.Codec) {
	c.U32(&m.RequestID)
	c.Str(&m.ErrorCode)
}

// OpenExtendedMiningChannel asks for an extended channel with at least
// MinExtranonceSize bytes to roll (5.3.4).
type OpenExtendedMiningChannel struct {
	RequestID         uint32
	UserIdentity      string
	NominalHashRate   sv2.F32
	MaxTarget         sv2.U256
	MinExtranonceSize uint16
}

func (*OpenExtendedMiningChannel) Type() sv2.Type { return TypeOpenExtendedMiningChannel }

func (m *OpenExtendedMiningChannel) Wire(c *sv2.Codec) {
	c.U32(&m.RequestID)
	c.Str(&m.UserIdentity)
	c.F32(&m.NominalHashRate)
	c.U256(&m.MaxTarget)
	c.U16(&m.MinExtranonceSize)
}

// OpenExtendedMiningChannelSuccess opens the channel (5.3.5). ExtranonceSize bytes follow
// the prefix in each share.
type OpenExtendedMiningChannelSuccess struct {
	RequestID        uint32
	ChannelID        uint32
	Target           sv2.U256
	ExtranonceSize   uint16
	ExtranoncePrefix sv2.Bytes
	GroupChannelID   uint32
}

func (*OpenExtendedMiningChannelSuccess) Type() sv2.Type { return TypeOpenExtendedMiningChannelSuccess }

func (m *OpenExtendedMiningChannelSuccess) Wire(c *sv2.Codec) {
	c.U32(&m.RequestID)
	c.U32(&m.ChannelID)
	c.U256(&m.Target)
	c.U16(&m.ExtranonceSize)
	c.B32(&m.ExtranoncePrefix)
	c.U32(&m.GroupChannelID)
}

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

// UpdateChannel tells the server a new hash rate or a new easiest target (5.3.7).
type UpdateChannel struct {
	ChannelID       uint32
	NominalHashRate sv2.F32
	MaximumTarget   sv2.U256
}

func (*UpdateChannel) Type() sv2.Type { return TypeUpdateChannel }

func (m *UpdateChannel) Wire(c *sv2.Codec) {
	c.U32(&m.ChannelID)
	c.F32(&m.NominalHashRate)
	c.U256(&m.MaximumTarget)
}

// UpdateChannelError refuses an UpdateChannel (5.3.8).
type UpdateChannelError struct {
	ChannelID uint32
	ErrorCode string
}

func (*UpdateChannelError) Type() sv2.Type { return TypeUpdateChannelError }

func (m *UpdateChannelError) Wire(c *sv2.Codec) {
	c.U32(&m.ChannelID)
	c.Str(&m.ErrorCode)
}

// CloseChannel ends a channel, or all channels of a group (5.3.9).
type CloseChannel struct {
	ChannelID  uint32
	ReasonCode string
}

func (*CloseChannel) Type() sv2.Type { return TypeCloseChannel }

func (m *CloseChannel) Wire(c *sv2.Codec) {
	c.U32(&m.ChannelID)
	c.Str(&m.ReasonCode)
}

// SetExtranoncePrefix changes the prefix for the jobs that follow (5.3.10).
type SetExtranoncePrefix struct {
	ChannelID        uint32
	ExtranoncePrefix sv2.Bytes
}

func (*SetExtranoncePrefix) Type() sv2.Type { return TypeSetExtranoncePrefix }

func (m *SetExtranoncePrefix) Wire(c *sv2.Codec) {
	c.U32(&m.ChannelID)
	c.B32(&m.ExtranoncePrefix)
}

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

// SetTarget sets the target of jobs that become active from now on (5.3.21).
type SetTarget struct {
	ChannelID     uint32
	MaximumTarget sv2.U256
}

func (*SetTarget) Type() sv2.Type { return TypeSetTarget }

func (m *SetTarget) Wire(c *sv2.Codec) {
	c.U32(&m.ChannelID)
	c.U256(&m.MaximumTarget)
}

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

// SetGroupChannel moves channels into a group (5.3.22).
type SetGroupChannel struct {
	GroupChannelID uint32
	ChannelIDs     []uint32
}

func (*SetGroupChannel) Type() sv2.Type { return TypeSetGroupChannel }

func (m *SetGroupChannel) Wire(c *sv2.Codec) {
	c.U32(&m.GroupChannelID)
	c.SeqU32(&m.ChannelIDs)
}

package mining

import "github.com/lodefw/lode/sv2"

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
// the prefix in each share. Before November 2025 it had no GroupChannelID.
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
	c.LateU32(&m.GroupChannelID)
}

// Error codes of OpenMiningChannel.Error.
const (
	CodeUnknownUser                                 = "unknown-user"
	CodeInvalidUserIdentity                         = "invalid-user-identity"
	CodeInvalidNominalHashrate                      = "invalid-nominal-hashrate"
	CodeMaxTargetOutOfRange                         = "max-target-out-of-range"
	CodeMinExtranonceSizeTooLarge                   = "min-extranonce-size-too-large"
	CodeUnsupportedMinExtranonceSize                = "unsupported-min-extranonce-size"
	CodeStandardChannelsNotSupportedForCustomWork   = "standard-channels-not-supported-for-custom-work"
	CodeExtendedChannelsNotSupportedForStandardJobs = "extended-channels-not-supported-for-standard-jobs"
)

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

// Error codes of UpdateChannel.Error, besides CodeInvalidNominalHashrate and
// CodeMaxTargetOutOfRange. The first is also one of SubmitShares.Error and
// SetCustomMiningJob.Error.
const (
	CodeInvalidChannelID = "invalid-channel-id"
)

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

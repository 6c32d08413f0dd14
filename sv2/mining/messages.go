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

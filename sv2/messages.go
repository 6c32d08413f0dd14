package sv2

// Message numbers (chapter 8).
const (
	TypeSetupConnection        Type = 0x00
	TypeSetupConnectionSuccess Type = 0x01
	TypeSetupConnectionError   Type = 0x02
	TypeChannelEndpointChanged Type = ChannelMsg | 0x03
	TypeReconnect              Type = 0x04
)

// New returns an empty message for a type, nil if this subprotocol has none. The
// channel bit is not looked at.
func New(t Type) Message {
	switch t.Plain() {
	case TypeSetupConnection.Plain():
		return new(SetupConnection)
	case TypeSetupConnectionSuccess.Plain():
		return new(SetupConnectionSuccess)
	case TypeSetupConnectionError.Plain():
		return new(SetupConnectionError)
	case TypeChannelEndpointChanged.Plain():
		return new(ChannelEndpointChanged)
	case TypeReconnect.Plain():
		return new(Reconnect)
	}
	return nil
}

// SetupConnection is the first message of every connection (3.6.1). Flags are those of the
// subprotocol that Protocol names.
type SetupConnection struct {
	Protocol        uint8
	MinVersion      uint16
	MaxVersion      uint16
	Flags           uint32
	EndpointHost    string
	EndpointPort    uint16
	Vendor          string
	HardwareVersion string
	Firmware        string
	DeviceID        string
}

func (*SetupConnection) Type() Type { return TypeSetupConnection }

func (m *SetupConnection) Wire(c *Codec) {
	c.U8(&m.Protocol)
	c.U16(&m.MinVersion)
	c.U16(&m.MaxVersion)
	c.U32(&m.Flags)
	c.Str(&m.EndpointHost)
	c.U16(&m.EndpointPort)
	c.Str(&m.Vendor)
	c.Str(&m.HardwareVersion)
	c.Str(&m.Firmware)
	c.Str(&m.DeviceID)
}

// SetupConnectionSuccess accepts a connection (3.6.2). Flags are the server's requirements.
type SetupConnectionSuccess struct {
	UsedVersion uint16
	Flags       uint32
}

func (*SetupConnectionSuccess) Type() Type { return TypeSetupConnectionSuccess }

func (m *SetupConnectionSuccess) Wire(c *Codec) {
	c.U16(&m.UsedVersion)
	c.U32(&m.Flags)
}

// Error codes of SetupConnection.Error.
const (
	CodeUnsupportedProtocol      = "unsupported-protocol"
	CodeProtocolVersionMismatch  = "protocol-version-mismatch"
	CodeUnsupportedFeatureFlags  = "unsupported-feature-flags"
	CodeMissingDeclareTxDataFlag = "missing-declare-tx-data-flag" // Job Declaration only
)

// SetupConnectionError refuses a connection; the server closes it afterwards (3.6.3). Flags are
// all bits that the server does not support, 0 if the error is about something else.
type SetupConnectionError struct {
	Flags     uint32
	ErrorCode string
}

func (*SetupConnectionError) Type() Type { return TypeSetupConnectionError }

func (m *SetupConnectionError) Wire(c *Codec) {
	c.U32(&m.Flags)
	c.Str(&m.ErrorCode)
}

// ChannelEndpointChanged says that the channel now ends at another node: all
// extension state of the channel is void (3.6.4).
type ChannelEndpointChanged struct {
	ChannelID uint32
}

func (*ChannelEndpointChanged) Type() Type { return TypeChannelEndpointChanged }

func (m *ChannelEndpointChanged) Wire(c *Codec) {
	c.U32(&m.ChannelID)
}

// Reconnect asks the client to come back at another address, authenticated by the
// same authority key (3.6.5). An empty host or a zero port means the present one.
type Reconnect struct {
	NewHost string
	NewPort uint16
}

func (*Reconnect) Type() Type { return TypeReconnect }

func (m *Reconnect) Wire(c *Codec) {
	c.Str(&m.NewHost)
	c.U16(&m.NewPort)
}

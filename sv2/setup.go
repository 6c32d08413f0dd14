package sv2

import "fmt"

// Version is the one protocol version in use (3.6.1).
const Version = 2

// Subprotocols as SetupConnection names them (3.6.1).
const (
	ProtocolMining               uint8 = 0
	ProtocolJobDeclaration       uint8 = 1
	ProtocolTemplateDistribution uint8 = 2
)

// Flags of the Mining Protocol that exclude each other (5.3.1); package mining has
// them for users.
const (
	requiresStandardJobs     uint32 = 1 << 0 // client
	requiresVersionRolling   uint32 = 1 << 2 // client
	requiresFixedVersion     uint32 = 1 << 0 // server
	requiresExtendedChannels uint32 = 1 << 1 // server
)

// Setup is what a server has to say to a SetupConnection: it serves one
// subprotocol in one version (3.6.1 to 3.6.3).
type Setup struct {
	Protocol      uint8
	Supported     uint32 // flags of clients that the server can honour
	RequiredFlags uint32 // flags of SetupConnection.Success: what the server insists on
}

// Answer is the server's answer to m: SetupConnectionSuccess and true, or
// SetupConnectionError and false, after which the server closes the connection.
// An error about flags names every bit that is not supported, so that a client
// which sends all bits learns them at once.
func (s Setup) Answer(m *SetupConnection) (answer Message, ok bool) {
	unsupported := m.Flags &^ s.honours()
	switch {
	case m.Protocol != s.Protocol:
		return &SetupConnectionError{ErrorCode: CodeUnsupportedProtocol}, false
	case m.MinVersion > Version || m.MaxVersion < Version:
		return &SetupConnectionError{ErrorCode: CodeProtocolVersionMismatch}, false
	case unsupported != 0:
		return &SetupConnectionError{Flags: unsupported, ErrorCode: CodeUnsupportedFeatureFlags}, false
	}
	return &SetupConnectionSuccess{UsedVersion: Version, Flags: s.RequiredFlags}, true
}

// honours is Supported without the client's flags that RequiredFlags rule out.
func (s Setup) honours() uint32 {
	flags := s.Supported
	if s.Protocol != ProtocolMining {
		return flags
	}
	if s.RequiredFlags&requiresFixedVersion != 0 {
		flags &^= requiresVersionRolling
	}
	if s.RequiredFlags&requiresExtendedChannels != 0 {
		flags &^= requiresStandardJobs
	}
	return flags
}

// Accepts is the client's check of the answer to its own m. Tolerated are the
// server's flags that the client can live with.
func (m *SetupConnection) Accepts(s *SetupConnectionSuccess, tolerated uint32) error {
	if s.UsedVersion < m.MinVersion || s.UsedVersion > m.MaxVersion {
		return fmt.Errorf("sv2: server chose version %d, we offered %d to %d", s.UsedVersion, m.MinVersion, m.MaxVersion)
	}
	if refused := s.Flags &^ tolerated; refused != 0 {
		return fmt.Errorf("sv2: server requires flags %#x, which we cannot honour", refused)
	}
	return nil
}

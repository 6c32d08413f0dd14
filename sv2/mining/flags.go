package mining

// Flags of SetupConnection for this subprotocol: what the client insists on (5.3.1).
const (
	FlagRequiresStandardJobs   uint32 = 1 << 0 // it cannot process extended jobs
	FlagRequiresWorkSelection  uint32 = 1 << 1 // it will send SetCustomMiningJob
	FlagRequiresVersionRolling uint32 = 1 << 2 // it needs jobs that allow version rolling
)

// Flags of SetupConnection.Success: what the server insists on (5.3.1).
const (
	FlagRequiresFixedVersion     uint32 = 1 << 0 // no bit of the version field may change
	FlagRequiresExtendedChannels uint32 = 1 << 1 // standard channels are refused
)

// Bits of a header's version that a miner may roll. A server takes the wide mask;
// a client that stays inside the narrow one is right towards every server,
// because the spec had that one until June 2026.
const (
	VersionMask       uint32 = 0x1fffffe0 // BIP323, 24 bits
	NarrowVersionMask uint32 = 0x1fffe000 // BIP320, 16 bits
)

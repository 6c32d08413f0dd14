package sv2_test

import (
	"testing"

	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/jobdecl"
	"github.com/lodefw/lode/sv2/mining"
)

const (
	standardJobs   = mining.FlagRequiresStandardJobs
	workSelection  = mining.FlagRequiresWorkSelection
	versionRolling = mining.FlagRequiresVersionRolling
)

func TestSetupAnswer(t *testing.T) {
	pool := sv2.Setup{Protocol: sv2.ProtocolMining, Supported: standardJobs | versionRolling}
	fixed, extended := pool, pool
	fixed.RequiredFlags = mining.FlagRequiresFixedVersion
	extended.RequiredFlags = mining.FlagRequiresExtendedChannels
	declarator := sv2.Setup{Protocol: sv2.ProtocolJobDeclaration, Supported: jobdecl.FlagDeclareTxData}

	for _, test := range []struct {
		name          string
		server        sv2.Setup
		protocol      uint8
		min, max      uint16
		flags         uint32
		code          string // of the error, "" for Success
		answeredFlags uint32
	}{
		{"plain", pool, 0, 2, 2, 0, "", 0},
		{"header-only device", pool, 0, 2, 2, standardJobs | versionRolling, "", 0},
		{"wide range", pool, 0, 1, 9, 0, "", 0},
		{"whole range", pool, 0, 0, 65535, 0, "", 0},
		{"too new", pool, 0, 3, 3, 0, sv2.CodeProtocolVersionMismatch, 0},
		{"too old", pool, 0, 1, 1, 0, sv2.CodeProtocolVersionMismatch, 0},
		{"upside down", pool, 0, 3, 2, 0, sv2.CodeProtocolVersionMismatch, 0},
		{"upside down around 2", pool, 0, 3, 1, 0, sv2.CodeProtocolVersionMismatch, 0},
		{"version before flags", pool, 0, 3, 3, workSelection, sv2.CodeProtocolVersionMismatch, 0},
		{"other protocol", pool, 2, 2, 2, 0, sv2.CodeUnsupportedProtocol, 0},
		{"unknown protocol", pool, 255, 2, 2, 0xffffffff, sv2.CodeUnsupportedProtocol, 0},
		{"unsupported flag", pool, 0, 2, 2, standardJobs | workSelection, sv2.CodeUnsupportedFeatureFlags, workSelection},
		{"probe", pool, 0, 2, 2, 0xffffffff, sv2.CodeUnsupportedFeatureFlags, 0xfffffffa},
		{"server's flags", fixed, 0, 2, 2, standardJobs, "", mining.FlagRequiresFixedVersion},
		{"fixed version", fixed, 0, 2, 2, standardJobs | versionRolling, sv2.CodeUnsupportedFeatureFlags, versionRolling},
		{"extended only", extended, 0, 2, 2, standardJobs | versionRolling, sv2.CodeUnsupportedFeatureFlags, standardJobs},
		{"extended client", extended, 0, 2, 2, versionRolling, "", mining.FlagRequiresExtendedChannels},
		{"declaration", declarator, 1, 2, 2, jobdecl.FlagDeclareTxData, "", 0},
		{"declaration, other flag", declarator, 1, 2, 2, 6, sv2.CodeUnsupportedFeatureFlags, 6},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := &sv2.SetupConnection{Protocol: test.protocol, MinVersion: test.min, MaxVersion: test.max, Flags: test.flags}
			answer, ok := test.server.Answer(m)
			switch a := answer.(type) {
			case *sv2.SetupConnectionSuccess:
				if !ok || test.code != "" || a.UsedVersion != sv2.Version || a.Flags != test.answeredFlags {
					t.Errorf("Answer = %+v, %v, want code %q", a, ok, test.code)
				}
			case *sv2.SetupConnectionError:
				if ok || a.ErrorCode != test.code || a.Flags != test.answeredFlags {
					t.Errorf("Answer = %+v, %v, want code %q, flags %#x", a, ok, test.code, test.answeredFlags)
				}
			}
		})
	}
}

func TestSetupAccepts(t *testing.T) {
	m := &sv2.SetupConnection{MinVersion: 2, MaxVersion: 2}
	for _, test := range []struct {
		version uint16
		flags   uint32
		ok      bool
	}{
		{2, 0, true},
		{2, mining.FlagRequiresFixedVersion, true},
		{2, mining.FlagRequiresExtendedChannels, false},
		{2, 0x80000000, false},
		{1, 0, false},
		{3, 0, false},
	} {
		s := &sv2.SetupConnectionSuccess{UsedVersion: test.version, Flags: test.flags}
		if err := m.Accepts(s, mining.FlagRequiresFixedVersion); (err == nil) != test.ok {
			t.Errorf("Accepts(%+v) = %v, want ok %v", s, err, test.ok)
		}
	}
}

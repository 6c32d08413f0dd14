// Package hashing says what is searched and what is found: the only words
// between the mining logic and any hardware.
//
// A Hasher (a chip chain, CPU threads, or a fake) pulls Work from a Feed as fast
// as it needs it and reports Solutions. It knows nothing of pools, channels or
// shares.
package hashing

import (
	"context"

	"github.com/lodefw/lode/bitcoin"
)

// Work is one header to search. All 2^32 nonces belong to whoever got it, and
// so do all values of the bits in VersionMask; nobody else searches them.
type Work struct {
	// ID names the work in a Solution. It is never reused within a process.
	ID uint64
	// Header is complete but for the nonce, which is zero.
	Header bitcoin.Header
	// VersionMask has the bits of Header.Version that the hasher may roll:
	// the lowest of the channel's, as many as it asked for with Feed.Declare.
	VersionMask uint32
	// Target is what to report: every hash at or below it, and no other. It is
	// easier than what the pool wants, so that hash rate and health can be seen.
	Target bitcoin.Target
	// Changed is closed when this work should be given up, as Feed.Changed tells.
	Changed <-chan struct{}
}

// Solution is a claim: the header of Work with these three fields meets the
// work's target. A hasher reports the fields as they were hashed; one that does
// not roll them copies them from the work.
type Solution struct {
	Work    uint64
	Nonce   uint32
	Version uint32
	NTime   uint32
}

// A Hasher searches.
type Hasher interface {
	// Run pulls fresh work from feed whenever it wants more and reports what
	// it finds, until ctx ends or the hardware fails. It returns with the
	// hardware idle. found may be called from any goroutine and never blocks
	// for long.
	Run(ctx context.Context, feed *Feed, found func(Solution)) error
	// String names the hasher in logs and status.
	String() string
}

// A Roller is a Hasher that says before it runs how many version bits it rolls
// itself: one that takes them all in each work needs a channel of its own.
type Roller interface {
	Hasher
	RollBits() int // as in Traits
}

// Traits are what a hasher tells about itself. The zero value is a hasher that
// rolls nothing and whose rate is unknown.
type Traits struct {
	// RollBits is how many version bits the hasher rolls itself. The work it
	// gets may have fewer, never more.
	RollBits int
	// HashRate is the rate to expect in hashes per second. It sets the
	// work's target until there is a measured rate.
	HashRate float64
	// Target, when set, is the only target that the hardware can filter by
	// (a ticket mask). Work then always has this one.
	Target *bitcoin.Target
}

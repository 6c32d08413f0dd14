package bitcoin

import "math/bits"

// VersionAllowed tells if a share of a job may have this version: only bits of
// the mask may differ from the job's (BIP320, BIP323). Where rolling is not
// allowed the mask is 0.
func VersionAllowed(version, jobVersion, mask uint32) bool {
	return (version^jobVersion)&^mask == 0
}

// CombineVersion is the header's version when a miner reports its bits alone, as
// in Sv1 (BIP310): the mask's bits are replaced, not added. It is false for bits
// outside the mask.
func CombineVersion(jobVersion, mask, versionBits uint32) (version uint32, ok bool) {
	if versionBits&^mask != 0 {
		return 0, false
	}
	return jobVersion&^mask | versionBits, true
}

// NextVersion counts up by one inside the mask's bits and wraps there; other bits
// stay.
func NextVersion(version, mask uint32) uint32 {
	return version&^mask | ((version|^mask)+1)&mask
}

// RollVersion replaces the mask's bits by the bits of n, lowest first: the n-th of
// VersionCount(mask) versions. Others of n are left out.
func RollVersion(version, mask, n uint32) uint32 {
	version &^= mask
	for ; mask != 0 && n != 0; n >>= 1 {
		low := mask & -mask
		if n&1 != 0 {
			version |= low
		}
		mask &^= low
	}
	return version
}

// VersionCount is the number of versions that a mask gives.
func VersionCount(mask uint32) uint64 { return 1 << bits.OnesCount32(mask) }

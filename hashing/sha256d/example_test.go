package sha256d_test

import (
	"encoding/hex"
	"fmt"

	"github.com/lodefw/lode/hashing/sha256d"
)

// The search that made the first block, shortened.
func Example() {
	var header [80]byte
	hex.Decode(header[:], []byte("01000000"+
		"0000000000000000000000000000000000000000000000000000000000000000"+
		"3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a"+
		"29ab5f49ffff001d00000000"))
	var target [32]byte // little-endian: 0x00000000ffff and 26 zero bytes
	target[26], target[27] = 0xff, 0xff

	kernel, err := sha256d.Choose("") // the fastest here
	if err != nil {
		fmt.Println(err)
		return
	}
	var search sha256d.Search
	search.Prepare(&header, nil, &target)
	hits := make([]sha256d.Hit, 4*sha256d.MaxStep)
	n, done := kernel.Scan(&search, 2083236000, 1000, hits)
	fmt.Println(done, "nonces done, candidates:", hits[:n])
	// Output: 1000 nonces done, candidates: [{2083236893 0}]
}

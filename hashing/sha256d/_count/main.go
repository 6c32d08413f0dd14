// Command _count scans with one kernel and nothing else, for scripts/count-instructions
// to count what the kernel executes.
//
//	_count KERNEL NONCES VERSIONS
//	_count            lists the kernels: name, versions, and the reason if not available
//
// KERNEL may also be loop, the straightforward one.
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"

	"github.com/lodefw/lode/hashing/sha256d"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 4 {
		for _, k := range sha256d.Kernels() {
			fmt.Println(k.Name, max(1, k.Versions), k.Reason())
		}
		return
	}
	if os.Args[1] == "loop" {
		fmt.Println(loop(&initialState, &[3]uint32{}, number(os.Args[2])), "candidates")
		return
	}
	kernel, err := sha256d.Choose(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	nonces, versions := number(os.Args[2]), number(os.Args[3])
	var header [80]byte
	var target [32]byte // next to no candidates
	midstates := make([]sha256d.State, versions)
	for i := range midstates {
		header[0] = byte(i)
		midstates[i] = sha256d.Midstate(&header)
	}
	var search sha256d.Search
	search.Prepare(&header, midstates, &target)
	hits := make([]sha256d.Hit, sha256d.MaxStep*versions)
	if n, done := kernel.Scan(&search, 0, nonces, hits); n != 0 || done != nonces {
		log.Fatalf("%d nonces done, %d candidates", done, n)
	}
}

func number(text string) uint32 {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		log.Fatal(err)
	}
	return uint32(n)
}

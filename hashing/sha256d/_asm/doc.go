// Command _asm writes the kernels of hashing/sha256d in Go's assembler. It is run
// by go generate there; what it writes is committed.
//
// # How it works
//
//   - sha256d.go holds the search as one graph of words (NewSearch): SHA-256 as
//     the standard writes it, for the header's second block and for the digest.
//     A word knows when its value is known: now (Generated), once for a midstate
//     (Prepared), or for every nonce (Scanned). graph.go computes what it can at
//     once and gathers known words, so all that kernels save follows by itself:
//     precomputed rounds, folded constants, rounds that nobody needs. A kernel is
//     the Scanned words of s.Live(s.Last), in order.
//   - NewKnown lists the known words that they are made of: a table of constants
//     (Assembly.Words) and one of prepared words, for which Source.Prepare writes
//     the Go code that fills it.
//   - Program turns words into a processor's instructions, whose operands are
//     Values. Its one hard part is Lower, which says how the processor does each
//     Op: a rotation, a sigma, a choice.
//   - Processor.Allocate chooses registers and prints lines. Values that do not
//     fit are saved to memory and loaded again.
//
// # To add a processor
//
//  1. Write an emitter: a Processor (registers; how to load, store, copy and
//     print), Lower for the seven Ops, and Known, which says where the two tables
//     are. avx512.go is the simplest for lanes, with lanes.go for all kernels that
//     have some. neon.go is for lanes whose known words come in the order of their
//     use, from streams. scalar.go and mips.go are for one nonce at a time.
//  2. Write the function around the lines: read the arguments, loop, compare the
//     last word with the limit, and write a record if a nonce hits. amd64.go does
//     that for amd64. The comparison is of numbers, and SHA-256 is big-endian: swap
//     the bytes of Last, and of the nonce.
//  3. List it in main.go. In hashing/sha256d, add the kernel's row, its memory and
//     stub to kernels_GOARCH.go (see kernels_amd64.go), and GOARCH to the
//     constraints of batches.go and kernels_noasm.go.
//  4. go generate, go test. Every test and benchmark of hashing/sha256d runs all
//     kernels that are available.
//
// A kernel that takes the schedule four words at a time, as SHA instructions
// want it, does not lower words: it walks the rounds of s.Header and s.Digest, and
// asks of each word in W and KW whether it is known. See shani.go, and sha2.go, which
// does without an allocator. plain.go writes Go instead of assembly.
//
// Everything must come out the same each time: no map is walked in its own order.
package main

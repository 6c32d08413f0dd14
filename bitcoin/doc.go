// Package bitcoin holds what mining needs of Bitcoin: the block header, targets
// and difficulty, merkle paths, and the coinbase transaction that a template
// turns into.
//
// Everything is in wire order, as Stratum V2 carries it: a [Hash] and a [Target]
// are 32 bytes, little-endian as numbers, and only their text is in display
// order, most significant digit first. Nothing is ever swapped in between.
//
// It is arithmetic on bytes: no sockets, no clocks, no logs. What runs for
// every share or for every device of a new block does not allocate.
package bitcoin

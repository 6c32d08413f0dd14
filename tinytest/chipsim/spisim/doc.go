// Package spisim has virtual chains of SPI mining chips at the wire: Bitmine A1
// and Bitfury 55 nm. A chain is a spi.PortCloser, to be driven by our drivers in
// tests and by anybody's through a socket.
//
// The chains are written from the chips' description, not from the drivers, so
// that a mistake in one shows against the other. Nonces are real: a chip sweeps
// its nonces at the pace of its clock, and at each place where a nonce is due by
// chance the model searches on from there until a hash meets the job's target.
// Config's Scale says how many hashes of the chip one hash of the model stands
// for, so that one processor can be a whole board. Time is package time's; under
// testing/synctest it is virtual, and the same seed gives the same trace.
package spisim

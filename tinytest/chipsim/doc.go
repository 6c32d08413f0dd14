// Package chipsim is a virtual chain of Bitmain chips at the wire: what a
// driver, ours or anybody's, finds at the other end of a serial line.
//
// A Chain is pure: everything that happens in it has a time, and follows from
// its Config (seed included) and from what the host did when. Nothing runs in
// the background; a Port moves the chain forward whenever it is used. Under
// testing/synctest the time is virtual, on a pty it is real, times Config.Speed.
//
//	host -> txLine -> parser -> command -> chip registers, jobs
//	                                         | sweep: which (version, nonce) is due when
//	                                         | search or replay: which of them are hits
//	host <- rxLine <------------------------ answers, nonces
//
// The frames are written a second time here, on purpose: chipsim imports no
// driver, so that a mistake in one of the two shows in the tests.
//
// Facts are from public captures and sources; where they end, the comments say
// "guess".
package chipsim

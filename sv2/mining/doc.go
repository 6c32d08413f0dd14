// Package mining has the messages of the Mining Protocol (chapter 5 of the spec):
// jobs go down to the miner, shares come up.
//
// # Channels
//
// A channel is one mining session of one user on a connection. The client asks for
// it, the server chooses its number and its target:
//
//	client                                      server
//	  | OpenStandardMiningChannel                 |
//	  |------------------------------------------>|
//	  |          OpenStandardMiningChannelSuccess |
//	  |            NewMiningJob (no MinNTime)     |
//	  |            SetNewPrevHash (names the job) |
//	  |<------------------------------------------|
//	  | SubmitSharesStandard ...                  |
//	  |------------------------------------------>|
//	  |        SubmitSharesSuccess (many at once) |
//	  |        SubmitSharesError (one)            |
//	  |<------------------------------------------|
//
// A standard channel gets jobs whose merkle root is fixed (NewMiningJob): the
// device varies nonce, version bits and time in the 80-byte header and need not
// know of coinbases. An extended channel gets the coinbase in two halves
// (NewExtendedMiningJob) and also varies the extranonce between them, which is
// what proxies need. A group channel is an address for many channels at once.
//
// # Jobs
//
// A job with a MinNTime is active at once, on the tip that is known. One without is
// a future job: it waits for the SetNewPrevHash that names it. SetNewPrevHash kills
// every other job of the channel. SetTarget and SetExtranoncePrefix count for jobs
// that become active, or arrive, after them; a job keeps what it had.
//
// Which version bits may be rolled: VersionMask. Package channel keeps all this
// state, for both ends.
package mining

//go:generate go run github.com/lodefw/lode/internal/marshalgen

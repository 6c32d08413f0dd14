// Package sv2client is the client of a device that mines standard channels: it
// connects to a pool, sets up, opens a channel for each Miner, hands jobs to the Miners
// and shares to the pool, and says how each share ended. All channels are on one
// connection; a pool that gives fewer than there are Miners keeps those that it gave,
// and is asked for the others again now and then.
//
// A Client has a list of pools in order of preference. It mines on one of them and
// leaves it for the next when it fails or proves useless; every way to fail has its
// own bounded time (Limits). While it mines on a pool that is not the best, it tries
// the better ones in the background, with a whole handshake, set-up, channel and
// first job, and only then switches, so that hashing does not pause. It never tries
// a pool more often than a backoff with jitter allows.
//
// The states of one connection (State), which are those of its best channel:
//
//	             +--------- any fault ----------> Closed
//	             |
//	Connecting --+-> SettingUp --> Opening --> AwaitingJob --> Mining --> Draining --> Closed
//	  TCP, noise     SetupConn.    Open...      first job        |  ^     a better pool
//	                 3.6.1         5.3.2        and prev hash    |  |     took over; waits
//	                                 ^                           |  |     for answers to shares
//	                                 +------ CloseChannel -------+  |
//	                                         after a pause          +-- NewMiningJob, SetNewPrevHash
//
// and of the Client:
//
//	Idle <---- no pool may be tried yet ----> Trying ----> Mining (on the best, or on
//	  ^                                          ^             another and probing)
//	  +------------------------------------------+------------------+  the pool failed
package sv2client

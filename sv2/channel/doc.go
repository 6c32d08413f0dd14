// Package channel keeps the state of a mining channel, at both ends: which jobs are
// valid, what a share is held to, how each share ended. It turns messages into
// state and state into messages; it does no input or output, starts no goroutine
// and has no clock: time is a parameter.
//
//	Client       the device's end: jobs in, shares out, answers matched
//	Server       the pool's end: jobs made, shares judged, blocks found
//	Body, Tip    what the jobs of all channels share, by pointer
//	Extranonces  prefixes, so that no two channels search the same headers
//	Vardiff      the target that gives the wished number of shares
//	Batch        one acknowledgement for many shares
//
// # A pool's channel
//
// At the opening, and at each new block:
//
//	body, err := channel.NewBody(template, tag, outputs, extranonces.Size()+2)
//	job, err := server.NewJob(body, true)                // send: the future job ...
//	start, err := server.SetNewPrevHash(body, body.Tip)  // ... and what starts it
//
// A server that knows a block's body before its tip (an empty one, say) makes the
// future jobs ahead, from a Body without Tip, and sends SetNewPrevHash alone when
// the tip comes. Between blocks NewJob(body, false) gives better work, or the same
// body again after SetTarget. After the channels were told of a new tip,
// Extranonces.Advance.
//
// # What is pinned when
//
//	to a job when it arrives (is made)   extranonce prefix
//	to a job when it becomes active      target, tip, smallest time
//
// So SetTarget counts for future jobs in the queue, SetExtranoncePrefix does not,
// and neither touches the active job or those before it. Both ends follow the same
// rule; this is what keeps a share that is honest at one end good at the other.
//
// # Extended and group channels
//
// Client holds extended channels already: a Job then has Extended in place of its
// merkle root, and all rules above are the same code. A standard channel takes the
// extended jobs of its group. What is left is SubmitSharesExtended beside
// Submit, on the same ring of sequence numbers.
//
// Server is for standard channels. An extended one is the same state (jobs of a
// Body with prefix and terms pinned, the set of seen hashes, which does not
// depend on how a header was made) with two differences: NewExtendedMiningJob is
// made from Body.Coinbase and Body.Path without a root, and the check computes the
// root from prefix and the share's extranonce before it builds the header. A group is
// a list of servers of one full extranonce size that draw their job numbers from
// one counter: make(body) splits into numbering and adding, the group numbers once
// and adds to each member. Custom jobs (5.3.18) are bodies without a template.
package channel

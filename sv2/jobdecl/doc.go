// Package jobdecl has the messages of the Job Declaration Protocol (chapter 6 of
// the spec): the miner builds its own jobs and shows them to the pool.
//
// The client (JDC) is also a client of the pool's Mining Protocol and of a node's
// Template Distribution Protocol; the server (JDS) is the pool's:
//
//	client                                   server
//	  | AllocateMiningJobToken                 |
//	  |--------------------------------------->|
//	  |    AllocateMiningJobTokenSuccess       | the pool's payout outputs
//	  |<---------------------------------------|
//	  | DeclareMiningJob                       | full-template mode only
//	  |--------------------------------------->|
//	  |    ProvideMissingTransactions          | if the pool lacks some
//	  |<---------------------------------------|
//	  | ProvideMissingTransactionsSuccess      |
//	  |--------------------------------------->|
//	  |    DeclareMiningJobSuccess             | a token for SetCustomMiningJob
//	  |<---------------------------------------|
//	  | PushSolution                           | when a block is found
//	  |--------------------------------------->|
//
// In coinbase-only mode (without FlagDeclareTxData) the first token goes straight
// into mining.SetCustomMiningJob and the pool never sees transactions.
package jobdecl

//go:generate go run github.com/lodefw/lode/internal/marshalgen

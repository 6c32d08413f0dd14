// Package template has the messages of the Template Distribution Protocol (chapter
// 7 of the spec): a Bitcoin node's side hands out block templates, a pool or a job
// declarator makes jobs of them and returns blocks.
//
//	client                                   server, next to the node
//	  | CoinbaseOutputConstraints              | first; until then silence
//	  |--------------------------------------->|
//	  |    NewTemplate (FutureTemplate)        |
//	  |    SetNewPrevHash (names it)           | a new tip
//	  |    NewTemplate                         | better fees, same tip
//	  |<---------------------------------------|
//	  | RequestTransactionData                 |
//	  |--------------------------------------->|
//	  |    RequestTransactionDataSuccess       |
//	  |<---------------------------------------|
//	  | SubmitSolution                         |
//	  |--------------------------------------->|
//
// There are no flags and no channels. SetNewPrevHash here and the mining message of
// the same name are different messages.
package template

//go:generate go run github.com/lodefw/lode/internal/marshalgen

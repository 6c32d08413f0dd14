// Package extension has what extensions add to Stratum V2 (3.4, 9): the negotiation
// (extension 0x0001), fields appended to messages as TLVs, and worker names
// (extension 0x0002).
//
// A client that wants extensions sends RequestExtensions right after
// SetupConnection.Success; the server's answer is Offer.Answer. A negotiated
// extension may append fields behind the last field of a message:
//
//	+----------------+----------+------------+-------- - -
//	| extension U16  | field U8 | length U16 | value
//	+----------------+----------+------------+-------- - -
//
// Codec.Decode returns that tail, and TLVs takes it apart.
package extension

//go:generate go run github.com/lodefw/lode/internal/marshalgen

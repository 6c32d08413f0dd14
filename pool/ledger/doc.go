// Package ledger is the pool's append-only book of shares and blocks, kept in plain
// files.
//
// A directory holds segments, shares-00000001.log and so on. A segment begins with
// a line that names the format; records follow, each one
//
//	length   U32   of the payload, in bytes
//	checksum U32   CRC-32C of length and payload
//	payload        kind U8, sequence U64, time I64 (Unix nanoseconds), difficulty F64,
//	               height U32, header 80 bytes, user and outcome (U16 length, bytes)
//
// all little-endian. The header is the proof of work itself: hash it and compare.
//
// Records are written by one goroutine in batches, with one fsync for each batch, so
// what a crash can lose is the batch in work, never more than Options.Delay plus the
// time of an fsync. The sequence numbers have no gaps; a reader tells when something
// is missing or damaged, and goes on behind it. Open repairs a torn tail and keeps
// what it cut off in a file beside.
//
// Segments are never changed once they are full and never deleted: archive or remove
// old ones as you like.
package ledger

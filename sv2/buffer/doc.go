// Package buffer is a pool of byte buffers with a hard limit, for the frames of many
// connections: however many peers send however much, the bytes handed out and kept
// stay below the limit.
//
// Compared with sync.Pool it bounds memory and knows its own buffers, so a slice
// put twice, or one that came from elsewhere, does no harm. Compared with make it
// does not feed the garbage collector.
package buffer

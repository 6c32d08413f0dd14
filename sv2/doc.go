// Package sv2 has the parts of Stratum V2 that all its subprotocols share: data
// types, frames, the Codec that reads and writes messages, and the messages that
// open and steer a connection. Nothing here does I/O; package sv2net does.
//
// # The protocol in short
//
// A client (a miner, towards the pool: the downstream) opens a TCP connection to a
// server (the upstream), which is encrypted unless both sit in one local network.
// One connection speaks one subprotocol:
//
//	protocol                package   what passes
//	Mining                  mining    jobs down, shares up
//	Job Declaration         jobdecl   the miner's own jobs, shown to the pool
//	Template Distribution   template  a node's block templates, and solutions back
//
// It begins with SetupConnection. The server answers SetupConnectionSuccess, or
// SetupConnectionError and closes:
//
//	client                              server
//	  | SetupConnection(protocol, flags)  |
//	  |---------------------------------->|
//	  |         SetupConnectionSuccess    |
//	  |<----------------------------------|
//	  | messages of the subprotocol       |
//	  |<--------------------------------->|
//
// # Frames
//
// Each message travels in a frame: a header of six bytes, then the payload.
//
//	0         2          3              6
//	+---------+----------+--------------+------------ - -
//	| ext U16 | type U8  | length U24   | payload
//	+---------+----------+--------------+------------ - -
//
// All integers are little-endian. Bit 15 of the first field, ChannelMsg, says that
// the payload begins with a channel_id, so that a relay can route it unread. The
// other 15 bits name the extension that defined the message; 0 is the core. [Type]
// holds both, and is what a message is dispatched by.
//
// # Messages
//
// A message is a struct with the spec's fields in the spec's order, and a method
// Wire that names them once. A [Codec] walks Wire in either direction, so what it
// writes and what it reads cannot differ:
//
//	func (m *SetupConnectionSuccess) Wire(c *Codec) {
//		c.U16(&m.UsedVersion)
//		c.U32(&m.Flags)
//	}
//
// Codec.AppendFrame and Codec.Decode do not allocate and are what a connection
// uses. For everything else each message satisfies encoding.BinaryAppender,
// BinaryMarshaler and BinaryUnmarshaler (the payload), and json.Marshaler and
// Unmarshaler.
//
// # JSON
//
// Keys are the spec's field names. Hashes and targets are in display order, as
// block explorers show them, and their key ends in _be; when reading, a key
// without the suffix holds wire order. Byte strings are hex. A string of the peer
// that is not valid UTF-8 is hex too, under a key that ends in _hex; unprintable
// characters are escaped. When reading, the case of keys does not count, absent
// fields keep their value, and unknown ones are an error. Frame.JSON and ParseFrame
// do the same for a whole frame.
//
// # Older peers
//
// The spec changed while it was in use. Reading is lenient where that is safe: the
// channel bit does not decide which message it is, and a field that was added at a
// message's end may be absent (OpenExtendedMiningChannelSuccess). Bytes behind the
// last field are handed to the caller; package extension reads them.
package sv2

//go:generate go run github.com/lodefw/lode/internal/marshalgen

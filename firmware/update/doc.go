// Package update says what an image is and who made it: the manifest, its signature
// and the keys. Bytes go in and come out; nothing here opens a file.
//
// A manifest is checked in this order, and nothing is written before the end of it:
// the signature over its exact bytes (PublicKey.Verify), its form (Parse), the board
// and the version (Manifest.Check), and then each file's size and hash (File.Check).
//
// Signatures and keys have the form of OpenBSD's signify, which OpenWrt's usign
// shares: the tools of both read what is made here.
package update

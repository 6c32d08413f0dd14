// Package slot puts updates onto a card with two slots, so that a power cut at any
// moment leaves one that starts.
//
//	bundle -> signature, manifest, every hash checked in memory; nothing is written before
//	       -> the other slot may not be tried
//	       -> written to the other slot, read back
//	       -> the other slot comes first, with three tries     <- the only step that counts
//	reboot -> the boot loader takes one try away, starts it
//	       -> accepted work: the slot is good, its tries come back
//	          none in time: reboot; without tries left the old slot starts again
//
// A card has four parts, see Disk. What is kept between starts is State, which the
// boot loader reads and writes too, and Memory, which is ours alone.
package slot

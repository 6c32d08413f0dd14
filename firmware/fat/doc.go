// Package fat makes and reads volumes of FAT16, without a kernel: a slot of a card is
// written as a whole new volume, so that nothing of what a power cut has left there
// matters. Bytes go in and come out.
//
//	reserved sectors (the first has the layout) | FAT | FAT again | root directory | clusters, from 2 on
//
// Only what a slot needs is here: files of the root directory, with long names.
package fat

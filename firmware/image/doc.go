// Package image makes what a person flashes, from a board's recipe: each step is one
// small file, and needs neither root nor an installed tool that Debian could lend.
//
//	recipe ─> program      go build of lode-miner, statically linked
//	       ─> kernel       kernel.go: of Debian, of source or given; modules.go, dtb.go
//	       ─> initramfs    cpio.go, initramfs.go: lode-miner is all that is in it
//	       ─> FIT          fit.go: kernel, device tree and initramfs in one file
//	       ─> card         card.go: boot loader, two slots, data
//	       ─> package      deb.go, archive.go: for other systems instead of all this
//	       ─> manifest     build.go: what was made, signed
//
// Nothing depends on the clock, the user, the folder or the order of a directory:
// the same source and the same packages of Debian make the same bits.
package image

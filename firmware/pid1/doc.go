// Package pid1 is what lode-miner does as the only program of a board: it is the
// kernel's first process, and runs itself as a child that mines.
//
//	mounts -+-> modules -> data -+-> child -> reboot
//	        |                    |   |    |
//	        |                    |   +----+ again, when it ends
//	        |                    +-> status: console, slot is good
//	        +-> entropy ---------+-> network -> clock
//
// The child brings its hash boards up meanwhile, and connects to a pool when the network
// is up; the keys for that wait for entropy in the kernel.
//
// Each step says on the console what came of it. A step that fails does not stop the
// others: a miner without its data partition still mines. Everything that the board
// is told comes from one file of the image (recipe.Device) and one of the user.
//
// Hash boards are the child's: it powers them off when it is asked to end, and only
// then is the board rebooted. A child that is killed leaves them to what their
// hardware does: a watchdog that is fed no more, a voltage controller without its
// heartbeat.
package pid1

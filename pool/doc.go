// Package pool is a mining pool for devices with standard channels: templates come
// in from a Chain, jobs go out, shares are checked and kept in a Ledger, blocks go
// back to the Chain before their share is acknowledged.
//
//	        templates                     jobs, acknowledgements
//	Chain ------------> Pool ------> work ---> peer (one connection) ---> device
//	  ^                                          |  ^
//	  |  blocks                                  |  |  shares
//	  +------------------------------------------+  +---- one reader each
//	                                             v
//	                                           Ledger
//
// A connection costs one goroutine, the reader, which answers what its device says.
// Everything that the device did not ask for - jobs, new tips, targets, late
// acknowledgements - is sent by a few workers that all connections share, so that an
// idle device is a small stack and two or three kilobytes (peer.go, visit.go, fan.go).
//
// Well before a new tip, every channel has got a future job for the next height: an
// empty block, which needs no knowledge of the next template. When the tip moves, a
// device gets SetNewPrevHash, which starts that job, with the full job and the next
// future one behind it in the same write: system calls are most of what telling a
// device costs. A tip that does not fit (another height after a reorganisation)
// begins with a fresh future job.
package pool

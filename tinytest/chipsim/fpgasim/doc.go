// Package fpgasim is a virtual core of Braiins' FPGA design for Zynq control boards
// (zynq-io-am1-s9) in front of a virtual chain: registers, FIFOs and interrupts as
// its documentation and its source have them, and the fan core.
//
//	driver -- Read32, Write32, Wait --> Core -- bytes --> chipsim.Chain
//
// A Core lives in its chain's time: nothing runs in the background, and the same
// seed gives the same trace. It imports no driver, so that a mistake in one of the
// two shows in the tests.
//
// Left out: how far a frame in the FIFO is while it is sent (it leaves at once),
// and frames of BM139x.
package fpgasim

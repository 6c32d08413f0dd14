// Package zynqio drives Braiins' open FPGA design for the Zynq control boards of
// Antminers (zynq-io-am1-s9): one core for each chain of BM1387, and one for the
// fans. Stock bitstreams are another thing; New says so.
//
// The core has the line to the chips. It adds and checks CRCs, sends commands as
// they come and jobs one in each WORK_TIME, and sorts what comes back:
//
//	Write --> command FIFO --\                         /--> command FIFO --> Read
//	                          +--> line --> chips --> +
//	Job ----> work FIFO -----/    (one a WORK_TIME)    \--> work FIFO -----> Solution
//
// A Core is a bm13xx.Queue: package bm13xx brings the chain up and mines on it.
// REFERENCE.md has the registers.
package zynqio

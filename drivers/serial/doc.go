// Package serial is a UART on Linux, for the lines to hashing chips: raw bytes, any
// baud rate, reads that wait no longer than they must.
//
//	port, err := serial.Open("/dev/ttyS1", 115200)
//	...
//	port.SetReadDeadline(time.Now().Add(time.Second))
//	n, err := port.Read(buf) // at least one byte, or an error
//	...
//	err = port.SetBaud(3125000) // when all that was written is out
//
// Rates that are not in the old list of termios (1562500, 3125000) go through
// TCSETS2 and BOTHER. Where that is missing, as in qemu-user, the standard rates
// remain. A driver may round a rate; Open and SetBaud read back what it took.
package serial

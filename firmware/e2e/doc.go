// Package e2e has the test of what is flashed: make e2e builds the images as they
// ship, boots them in QEMU, and lets them mine at the bundled pool with a virtual hash
// board behind an emulated serial port.
//
//	guest: kernel, lode-miner as the first process          this machine
//	  network card  ---- QEMU's user network ------------->  pool, embedded chain
//	  2nd, 3rd UART ---- unix sockets --------------------->  lode-sim: chips; bridge
//	  console       ---- unix socket ---------------------->  lines, to wait for
//
// On one machine the hardware's watchdog ends what hangs, and all begins again.
//
// The card of the board sunxi-h3 starts by its own U-Boot: it takes an update, over the
// network or from the card itself, refuses others, falls back when one does not start or
// does no work in time. All that is written to it meanwhile is recorded by QEMU; cards as
// power cuts would have left them are made of that, given to a model of boot.cmd, and
// started. LODE_E2E_SEED chooses other cuts, LODE_E2E_LONG=1 makes ten times as many.
//
// The package's tests need the tag e2e: they download kernels and QEMU once, and take
// minutes.
package e2e

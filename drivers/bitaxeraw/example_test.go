package bitaxeraw_test

import (
	"fmt"
	"net"
	"time"

	"github.com/lodefw/lode/drivers/bitaxeraw"
	"github.com/lodefw/lode/drivers/emc2101"
	"periph.io/x/conn/v3/gpio"
)

// Example reads a chip's temperature through the cable, and holds the chip in
// reset. The port is a virtual board's; a real one is a serial.Port on the first
// of the two ttyACM.
func Example() {
	port, device := net.Pipe()
	board, _ := gamma(false)
	go board.Serve(device) // until port is closed
	defer port.Close()

	bridge, err := bitaxeraw.New(port, bitaxeraw.Options{Timeout: time.Minute})
	if err != nil {
		fmt.Println(err)
		return
	}
	fan, err := emc2101.New(bridge.I2C(), 0x4c, emc2101.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(fan.External())
	fmt.Println(bridge.Pin(bitaxeraw.PinReset).Out(gpio.Low))
	// Output:
	// 58.500°C <nil>
	// <nil>
}

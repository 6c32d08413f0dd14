//go:build !linux

package linux

import (
	"errors"
	"os"
	"time"

	"periph.io/x/conn/v3/i2c"
)

// errOther is what the hardware is on other systems.
var errOther = errors.New("linux: this program runs on another system; the board needs one with Linux")

func openLine(string, int) (Line, error) { return nil, errOther }

func openI2C(string) (i2c.BusCloser, error) { return nil, errOther }

func waitForEdge(_ *os.File, timeout time.Duration) bool {
	time.Sleep(min(timeout, time.Second))
	return false
}

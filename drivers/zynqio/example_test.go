package zynqio_test

import (
	"fmt"
	"time"

	"github.com/lodefw/lode/drivers/zynqio"
	"github.com/lodefw/lode/tinytest/chipsim"
	"github.com/lodefw/lode/tinytest/chipsim/fpgasim"
)

// On an S9 the windows are uio.Open("/", "chain6-common") and so on; here they are
// those of a virtual core. What New returns is the port of a bm13xx.Chain.
func Example() {
	chain, err := chipsim.New(chipsim.Config{Model: "BM1387"})
	if err != nil {
		panic(err)
	}
	core, err := zynqio.New(windows(fpgasim.New(chain, fpgasim.Config{})))
	if err != nil {
		panic(err)
	}
	fmt.Println("bitstream of", core.Build().Format(time.DateOnly))
	// Output: bitstream of 2019-08-22
}

package bm13xx_test

import (
	"context"
	"fmt"
	"log"

	"github.com/lodefw/lode/drivers/bm13xx"
	"github.com/lodefw/lode/tinytest/chipsim"
	"periph.io/x/conn/v3/physic"
)

// A chain is brought up on a port: of a UART (drivers/serial), or of a virtual
// chain as here. The Chain is then a hashing.Hasher for device.Config.
func Example() {
	virtual, err := chipsim.New(chipsim.Config{Model: "BM1370", Chips: 2})
	if err != nil {
		log.Fatal(err)
	}
	chain, err := bm13xx.New(context.Background(), virtual.Port(), bm13xx.BM1370, bm13xx.Options{
		Chips:      2,
		Frequency:  62500 * physic.KiloHertz, // low, so that the example is short
		Reset:      virtual.Reset,
		WiredZeros: virtual.Zeros(), // 32 in silicon
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(chain)
	// Output: 2 x BM1370
}

package bitfury_test

import (
	"context"
	"fmt"

	"github.com/lodefw/lode/drivers/bitfury"
	"github.com/lodefw/lode/tinytest/chipsim/spisim"
)

// A board opens its port, and hands it to the driver with a way to reset the
// links. On a Raspberry Pi that is Lines with the bus's own pins.
func ExampleNew() {
	board := spisim.NewBitfury(spisim.BitfuryConfig{Chips: 2, NeedReset: true})
	conn, err := bitfury.Connect(board, bitfury.DefaultSpeed)
	if err != nil {
		fmt.Println(err)
		return
	}
	chain, err := bitfury.New(context.Background(), conn, bitfury.Options{Name: "chain 0", Reset: board.ResetLinks})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%v, about %.1f GH/s\n", chain, chain.HashRate()/1e9)
	// Output: chain 0 (2 Bitfury chips), about 5.0 GH/s
}

func ExampleDecodeNonce() {
	fmt.Printf("%08x\n", bitfury.DecodeNonce(0x52e6b438))
	// Output: 381299c7
}

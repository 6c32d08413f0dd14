package chipsim_test

import (
	"fmt"
	"io"
	"time"

	"github.com/lodefw/lode/tinytest/chipsim"
)

// Two chips answer the read of register 0.
func Example() {
	chain, err := chipsim.New(chipsim.Config{Model: "BM1370", Chips: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	port := chain.Port()
	port.SetReadDeadline(time.Now().Add(time.Minute))
	port.Write([]byte{0x55, 0xaa, 0x52, 0x05, 0x00, 0x00, 0x0a})
	for range 2 {
		answer := make([]byte, 9)
		if _, err := io.ReadFull(port, answer); err != nil {
			fmt.Println(err)
		}
		fmt.Printf("%x\n", answer)
	}
	// Output:
	// aa5513700000000006
	// aa5513700000000006
}

package embedded_test

import (
	"context"
	"fmt"
	"log"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/pool/embedded"
)

func Example() {
	chain, err := embedded.Open(embedded.Config{}) // in a temporary directory
	if err != nil {
		log.Fatal(err)
	}
	defer chain.Close()
	ctx, cancel := context.WithCancel(context.Background())
	chain.Run(ctx, func(t *bitcoin.Template) {
		fmt.Println("to mine: height", t.Height, "for", t.Value, "satoshi")
		cancel() // a miner would solve it here, and call chain.Submit
	})
	// Output: to mine: height 1 for 5000000000 satoshi
}

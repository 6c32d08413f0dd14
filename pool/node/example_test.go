package node_test

import (
	"fmt"

	"github.com/lodefw/lode/pool/node"
)

func Example() {
	chain, err := node.New(node.Config{Nodes: []node.Node{
		{URL: "http://127.0.0.1:8332", CookieFile: "/home/bitcoin/.bitcoin/.cookie"}, // preferred
		{URL: "http://192.0.2.7:8332", User: "pool", Password: "of rpcauth"},         // when that one is down
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer chain.Close()
	for _, n := range chain.Status().Nodes { // chain.Run and chain.Submit are for the pool
		fmt.Println(n.Name, n.Error)
	}
	// Output:
	// 127.0.0.1:8332 no template yet
	// 192.0.2.7:8332 no template yet
}

package sv2client_test

import (
	"context"
	"fmt"
	"time"

	"github.com/lodefw/lode/sv2/channel"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2client"
)

// A printer is a Miner that only says what it is told.
type printer struct{}

func (printer) Job(j *channel.Job, newTip bool) {
	if j == nil {
		fmt.Println("no job: stop hashing")
		return
	}
	fmt.Println("hash job", j.ID)
}

func Example() {
	pool, err := noise.ParseURL("stratum2+tcp://127.0.0.1:1/9bXiEd8boQVhq7WddEcERUL5tyyJVFYdU8th3HfbNXK3Yw6GRXh")
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := sv2client.New(sv2client.Config{Pools: []noise.URL{pool}, User: "alice.rig1", HashRate: 1e12}, printer{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		for client.Status().Pools[0].Failed == 0 {
			time.Sleep(10 * time.Millisecond)
		}
	}()
	if err := client.Run(ctx); err != nil { // until ctx ends
		fmt.Println(err)
	}
	status := client.Status().Pools[0]
	fmt.Println(status.Fault, "-", status.Advice)
	// Output: unreachable - is the pool running at this host and port, and does a firewall let us through?
}

package device_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/lodefw/lode/board/laptop"
	"github.com/lodefw/lode/device"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2client"
)

// A computer mines for a minute, and says how it went.
func ExampleDevice() {
	url, err := noise.ParseURL("stratum2+tcp://pool.example:34254/9auqWEzQDVyd2oe1JVGFLMLHZtCo2FFqZwtKA5gd9xbuEu7PH72")
	if err != nil {
		fmt.Println(err)
		return
	}
	board, err := laptop.New(laptop.Config{Duty: 50})
	if err != nil {
		fmt.Println(err)
		return
	}
	miner, err := device.New(device.Config{
		Hashers: board.Hashers(),
		Client:  sv2client.Config{Pools: []noise.URL{url}, User: "someone.laptop"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := miner.Run(ctx); err != nil {
		fmt.Println(err)
	}
	json.NewEncoder(os.Stdout).Encode(miner.Status())
}

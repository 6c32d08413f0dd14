package a1_test

import (
	"context"
	"fmt"

	"github.com/lodefw/lode/drivers/a1"
	"github.com/lodefw/lode/tinytest/chipsim/spisim"
)

// A board opens its port, and hands it to the driver with the reset line.
func ExampleNew() {
	board := spisim.NewA1(spisim.A1Config{Chips: 4, Cores: []int{32, 32, 27, 32}})
	conn, err := a1.Connect(board, a1.DefaultSpeed)
	if err != nil {
		fmt.Println(err)
		return
	}
	chain, err := a1.New(context.Background(), conn, a1.Options{Name: "chain 0", Chips: 4, Reset: board.Reset()})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%v, %.1f GH/s\n", chain, chain.HashRate()/1e9)
	for _, chip := range chain.Status().Chips {
		fmt.Println(chip.Chip, chip.State, chip.Cores, chip.Clock)
	}
	// Output:
	// chain 0 (4 A1 chips), 93.0 GH/s
	// 1 good 32 800MHz
	// 2 good 32 800MHz
	// 3 weak 27 600MHz
	// 4 good 32 800MHz
}

package cli

import "fmt"

// Count writes a number of things: 1 block, 2 blocks.
func Count[N int | uint64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

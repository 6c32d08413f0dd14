package apw_test

import (
	"fmt"

	"periph.io/x/conn/v3/physic"

	"github.com/lodefw/lode/drivers/apw"
)

// Example tells what a supply of type 71 is sent for 13.28 V, and what it gives.
func Example() {
	rule, ok := apw.RuleOf(0x71, 0x19)
	if !ok {
		fmt.Println("not known")
		return
	}
	dac := rule.DAC(13280 * physic.MilliVolt)
	fmt.Println(dac, rule.Voltage(dac).String()[:6])
	// Output: 145 13.283
}

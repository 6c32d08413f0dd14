package extension_test

import (
	"fmt"

	"github.com/lodefw/lode/sv2/extension"
)

// A server that knows worker names is asked for them and for something else.
func ExampleOffer_Answer() {
	server := extension.Offer{Supported: []uint16{extension.WorkerNames}}
	request := &extension.RequestExtensions{RequestID: 1, RequestedExtensions: []uint16{extension.WorkerNames, 3}}
	answer, ok := server.Answer(request)
	fmt.Printf("%v %+v\n", ok, answer)
	// Output: true &{RequestID:1 SupportedExtensions:[2]}
}

// The tail of a share is what Codec.Decode returns.
func ExampleWorkerName() {
	tail := extension.AppendWorkerName(nil, "rig-7")
	name, ok, err := extension.WorkerName(tail)
	fmt.Printf("%x %q %v %v\n", tail, name, ok, err)
	// Output: 02000105007269672d37 "rig-7" true <nil>
}

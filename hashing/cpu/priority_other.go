//go:build !linux

package cpu

// lowerPriority does nothing: other systems have a priority for the process only,
// and the network's side must keep its own.
func lowerPriority() error { return nil }

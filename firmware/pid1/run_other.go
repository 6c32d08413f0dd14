//go:build !linux

package pid1

// Wanted is false: only Linux has such boards.
func Wanted() bool { return false }

// Main is never called.
func Main() {}

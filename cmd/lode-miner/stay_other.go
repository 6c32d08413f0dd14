//go:build !linux

package main

// stay is for Linux.
func stay() error { return nil }

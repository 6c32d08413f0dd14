//go:build !linux

package uio

import (
	"errors"
	"time"
)

// Device is one open device. There are none on this system.
type Device struct{}

// Open needs Linux.
func Open(root string, names ...string) (*Device, error) {
	if _, _, err := find(root, names...); err != nil {
		return nil, err
	}
	return nil, errors.New("uio: userspace I/O is there on Linux only")
}

// Close does nothing.
func (d *Device) Close() error { return nil }

// Read32 reads nothing.
func (d *Device) Read32(offset uint32) uint32 { return 0 }

// Write32 writes nothing.
func (d *Device) Write32(offset, value uint32) {}

// Wait returns at once.
func (d *Device) Wait(limit time.Duration) error { return nil }

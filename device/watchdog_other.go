//go:build !linux

package device

import (
	"errors"
	"time"
)

// OpenWatchdog opens a watchdog of Linux. There is none here.
func OpenWatchdog(path string, timeout time.Duration) (Watchdog, error) {
	return nil, errors.New("device: watchdogs are known on Linux only")
}

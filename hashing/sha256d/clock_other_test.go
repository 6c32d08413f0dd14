//go:build !linux

package sha256d

import "time"

// threadTime is the time of day where there is no clock for a thread.
func threadTime() time.Duration { return time.Duration(time.Now().UnixNano()) }

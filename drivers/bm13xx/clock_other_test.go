//go:build !linux

package bm13xx

import "time"

// processTime is the time of day where the process's own is not asked for.
func processTime() time.Duration { return time.Duration(time.Now().UnixNano()) }

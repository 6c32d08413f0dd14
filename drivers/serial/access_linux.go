package serial

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Access tells whether this process may use a line, without opening it: that
// would move its modem lines. The error says what to do.
func Access(path string) error {
	switch err := unix.Access(path, unix.R_OK|unix.W_OK); err {
	case nil:
		return nil
	case unix.EACCES, unix.EPERM:
		return fmt.Errorf("serial: no permission for %s: be in its group (dialout on most systems, uucp on some), or be root", path)
	default:
		return fmt.Errorf("serial: %s: %w", path, err)
	}
}

//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"
)

// The kernel may write in the middle of a program's line.
func TestReel(t *testing.T) {
	l := newReel(strings.NewReader("lode  1.0 s  shares: the fi[   12.345678] mmc0: error\r\n[   12.345679] mmc0: again\r\nrst is accepted\r\n\r\nhalf"))
	<-l.done
	want := []string{"[   12.345678] mmc0: error", "[   12.345679] mmc0: again", "lode  1.0 s  shares: the first is accepted", "", "half"}
	if !slices.Equal(l.lines, want) {
		t.Errorf("%q, want %q", l.lines, want)
	}
}

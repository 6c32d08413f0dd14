//go:build novirtual

package catalog

import (
	"strings"
	"testing"

	"github.com/lodefw/lode/board"
)

// A virtual board is known, and known to be elsewhere.
func TestNoVirtual(t *testing.T) {
	k, err := Find("virtual")
	if err != nil || !strings.Contains(k.About, "left out") {
		t.Errorf("Find = %q, %v", k.About, err)
	}
	for _, name := range []string{"virtual:bitaxe-gamma", "virtual:nonsense"} {
		if b, _, err := Open(name, board.OpenConfig{}); b != nil || err == nil || !strings.Contains(err.Error(), "left out") {
			t.Errorf("Open(%s) = %v, %v", name, b, err)
		}
	}
}

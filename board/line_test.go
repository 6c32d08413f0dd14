package board

import (
	"fmt"
	"testing"
)

func TestLineSettings(t *testing.T) {
	for _, c := range []struct{ zeros, baud, want string }{
		{"17", "115200", "17 115200 <nil>"},
		{"0", "115200", `0 0 board: setting zeros is "0", want 1 to 32`},
		{"32", "fast", `0 0 board: setting baud is "fast", want 9600 to 4000000`},
	} {
		open := OpenConfig{Settings: map[string]string{"zeros": c.zeros, "baud": c.baud}}
		zeros, baud, err := open.Line()
		if got := fmt.Sprint(zeros, baud, err); got != c.want {
			t.Errorf("%q, %q: %s, want %s", c.zeros, c.baud, got, c.want)
		}
	}
	if zeros, baud, err := new(OpenConfig).Line(); zeros != 0 || baud != 0 || err != nil {
		t.Errorf("without settings: %d, %d, %v", zeros, baud, err)
	}
}

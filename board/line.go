package board

import (
	"fmt"
	"strconv"
)

// LineSettings are the settings of boards whose chips hang on a serial line, for
// lines and chips that are not as the board has them: those of lode-sim, and a
// program that runs under qemu-user.
func LineSettings() []Setting {
	return []Setting{
		{Name: "zeros", About: "zero bits that a hash of virtual chips needs before their ticket counts, as lode-sim prints; 32, as in silicon, if not given"},
		{Name: "baud", About: "rate of the chips' line once it is set up, such as 115200 where a system has standard rates only"},
	}
}

// Line reads LineSettings; 0 is what was not given.
func (c *OpenConfig) Line() (zeros, baud int, err error) {
	for _, s := range []struct {
		name   string
		lowest int
		most   int
		to     *int
	}{{"zeros", 1, 32, &zeros}, {"baud", 9600, 4_000_000, &baud}} {
		text, given := c.Settings[s.name]
		if !given {
			continue
		}
		if *s.to, err = strconv.Atoi(text); err != nil || *s.to < s.lowest || *s.to > s.most {
			return 0, 0, fmt.Errorf("board: setting %s is %q, want %d to %d", s.name, text, s.lowest, s.most)
		}
	}
	return zeros, baud, nil
}

package bm13xx

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// CountError says that a chain has not the chips that it should have.
type CountError struct {
	Model       Model
	Want, Found int
	When        string // in the bring-up
	Missing     []int  // chips known not to answer, when addresses are known
}

// Error says what was found, what was expected, and where to look.
func (e *CountError) Error() string {
	head := fmt.Sprintf("bm13xx: %d %v answer %s, want %d", e.Found, e.Model, e.When, e.Want)
	switch {
	case e.Found == 0:
		return head + ": check supply, reset, cable and chain enable"
	case e.Found > e.Want:
		return fmt.Sprintf("%s: chip %d is one too many: is it the right board?", head, e.Want)
	case len(e.Missing) > 0:
		return fmt.Sprintf("%s: chips %s are missing", head, ranges(e.Missing))
	}
	return fmt.Sprintf("%s: nothing from chip %d on: check that chip, its domain's voltage and solder joints", head, e.Found)
}

// tries is how often a reading is repeated that does not fit: a line may garble
// a byte.
const tries = 3

// identify counts the chips and checks what they are.
func (c *Chain) identify(ctx context.Context) error {
	var answers []Response
	var err error
	for range tries {
		if answers, err = c.readIDs(ctx, c.mostChips()+1); err != nil {
			return err
		}
		if err = c.checkIDs(answers); err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	c.setCount(len(answers))
	c.log.Info("chips found", "model", c.model, "chips", c.count)
	return nil
}

func (c *Chain) mostChips() int {
	if c.opts.Chips != 0 {
		return c.opts.Chips
	}
	return c.spec.maxChips
}

func (c *Chain) checkIDs(answers []Response) error {
	for i, a := range answers {
		if id := Model(a.Value >> 16); id != c.model {
			return fmt.Errorf("bm13xx: chip %d is a %v (id %08x), want a %v", i, id, a.Value, c.model)
		}
	}
	want := c.opts.Chips
	if want == 0 {
		want = max(1, min(len(answers), c.spec.maxChips))
	}
	if len(answers) != want {
		return &CountError{Model: c.model, Want: want, Found: len(answers), When: "after reset"}
	}
	return nil
}

// verify reads the ids again: every chip must answer, with its own address.
func (c *Chain) verify(ctx context.Context, when string) error {
	var last error
	for range tries {
		answers, err := c.readIDs(ctx, c.count)
		if err != nil {
			return err
		}
		if last = c.checkAddresses(answers, when); last == nil {
			return nil
		}
	}
	return last
}

func (c *Chain) checkAddresses(answers []Response, when string) error {
	seen := make([]int, c.count)
	for _, a := range answers {
		chip := c.chipOf(uint8(a.Value))
		if chip < 0 {
			return fmt.Errorf("bm13xx: a chip answers as address %d %s, which none was given", uint8(a.Value), when)
		}
		seen[chip]++
	}
	for chip, n := range seen {
		if n > 1 {
			return fmt.Errorf("bm13xx: %d chips answer as chip %d (address %d) %s: they are not wired as a chain",
				n, chip, c.address(chip), when)
		}
	}
	if len(answers) != c.count {
		e := &CountError{Model: c.model, Want: c.count, Found: len(answers), When: when}
		for chip, n := range seen {
			if n == 0 {
				e.Missing = append(e.Missing, chip)
			}
		}
		return e
	}
	return nil
}

// readIDs asks all chips for their id and takes the answers until the line is
// quiet, or more have come than are wanted.
func (c *Chain) readIDs(ctx context.Context, limit int) (answers []Response, err error) {
	if err := c.command(ctx, Command{Op: OpRead, All: true, Reg: RegChipID}, 0); err != nil {
		return nil, err
	}
	wait := answerWait
	// Other frames must not keep it here for ever.
	for end := time.Now().Add(10 * time.Second); len(answers) < limit && time.Now().Before(end); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		resp, err := c.answer(wait)
		if isTimeout(err) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("bm13xx: cannot read from the chips: %w", err)
		}
		if !resp.Job && resp.Reg == RegChipID {
			answers = append(answers, resp)
			wait = answerQuiet
		}
	}
	c.reader.Reset()
	return answers, nil
}

// waits is into how many the wait for an answer is cut. A computer that stands still
// for longer, as a busy one may, misses one of them, and not the answer that came
// meanwhile: a read whose deadline has passed gives nothing.
const waits = 4

// answer waits for the next response.
func (c *Chain) answer(wait time.Duration) (resp Response, err error) {
	for range waits {
		if err := c.port.SetReadDeadline(time.Now().Add(wait / waits)); err != nil {
			return Response{}, err
		}
		if resp, err = c.reader.Next(); !isTimeout(err) {
			break
		}
	}
	return resp, err
}

// ranges writes sorted numbers as "3, 7-9".
func ranges(n []int) string {
	slices.Sort(n)
	text := ""
	for i := 0; i < len(n); {
		j := i
		for j+1 < len(n) && n[j+1] == n[j]+1 {
			j++
		}
		if text != "" {
			text += ", "
		}
		text += fmt.Sprint(n[i])
		if j > i {
			text += fmt.Sprintf("-%d", n[j])
		}
		i = j + 1
	}
	return text
}

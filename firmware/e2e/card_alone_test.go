//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"github.com/lodefw/lode/firmware/pid1"
	"github.com/lodefw/lode/firmware/recipe"
	"github.com/lodefw/lode/firmware/slot"
)

// alone is a board that nobody can reach. It takes an update from its card, without
// any network. Then it gets an image that starts, and runs, but has lost the network's
// driver, so that it never does accepted work: its trials end, and the slot that worked
// comes back, by itself.
func alone(t *testing.T, w *workshop) {
	c := w.newCard(t)
	c.lay(t, recipe.CardConfig, []byte(w.settings()+"[update]\ntrial = \"30s\"\n"))
	next, err := os.ReadFile(w.next)
	if err != nil {
		t.Fatal(err)
	}
	c.lay(t, pid1.BundleOnCard, next)
	g := c.bootWith(t, "none")
	g.until(t, "trying slot A", bootWithin)
	t.Log(g.until(t, "update: "+nextVersion+" from the card is in the other slot", bootWithin))
	reboots(t, g)
	c.wantTaken(t)
	c.wantState(t, slot.B, slot.Tries-1, slot.Tries)

	g = c.boot(t)
	c.proves(t, g, slot.B, nextVersion)
	c.updates(t, g, w.alone)
	c.wantState(t, slot.A, slot.Tries, slot.Tries)
	for left := slot.Tries - 1; left >= 0; left-- {
		g := c.boot(t)
		g.until(t, fmt.Sprintf("trying slot A (tries left: A %d, B %d)", left, slot.Tries), bootWithin)
		g.until(t, startsKernel, bootWithin)
		if left < slot.Tries-1 && os.Getenv("LODE_E2E_LONG") == "" {
			g.stop() // the power fails: that was a try too
			continue
		}
		g.until(t, fmt.Sprintf("board: %s %s, slot A", cardBoard, aloneVersion), bootWithin)
		begin := seconds(t, g.until(t, "slot A: this image has to prove itself within 30s", bootWithin))
		end := g.until(t, "slot A: no accepted work in 30s; the board starts again", bootWithin)
		if took := seconds(t, end) - begin; took < 29.8 { // each is rounded
			t.Errorf("the trial took %.1f s", took)
		}
		reboots(t, g)
		t.Log(end)
	}
	g = c.boot(t)
	g.until(t, fmt.Sprintf("trying slot B (tries left: A 0, B %d)", slot.Tries-1), bootWithin)
	c.proves(t, g, slot.B, nextVersion)
	g.stop()
	c.wantState(t, slot.B, 0, slot.Tries)
}

// seconds reads when a line was written: "lode  12.3 s  text".
func seconds(t *testing.T, line string) (s float64) {
	t.Helper()
	if _, err := fmt.Sscanf(line, "lode %f s", &s); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return s
}

// wantTaken says that the update that was on the card is there no more.
func (c *card) wantTaken(t *testing.T) {
	t.Helper()
	if _, err := fileOn(bytes.NewReader(c.read(t)), bootPart, pid1.BundleOnCard); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still on the card: %v", pid1.BundleOnCard, err)
	}
}

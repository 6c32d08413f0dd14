//go:build e2e

package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lodefw/lode/firmware/recipe"
	"github.com/lodefw/lode/firmware/slot"
)

// A recording is a card before an update, and all that was written since it was first
// switched on until the new slot had proved itself.
type recording struct {
	before []byte
	writes []write
}

// at is the card as a cut leaves it.
func (r *recording) at(c cut) []byte {
	card := slices.Clone(r.before)
	c.apply(card, r.writes)
	return card
}

// powerCuts goes through the update with the power failing in between: first every
// point on the model of the boot loader, then some on the real one.
func powerCuts(t *testing.T, w *workshop, run *recording) {
	first := w.file(t, recipe.SlotFile)
	next, err := fileOn(bytes.NewReader(run.at(cut{after: len(run.writes)})), slotBPart, recipe.SlotFile)
	if err != nil {
		t.Fatal(err)
	}
	l := &loader{w.file(t, recipe.ScriptName), map[[sha256.Size]byte]struct{}{sha256.Sum256(first): {}, sha256.Sum256(next): {}}}
	inSlot := (&card{name: w.newCard(t).name}).inSlots(t)
	t.Logf("%d writes", len(run.writes))
	seed, n := uint64(1), 20
	if os.Getenv("LODE_E2E_LONG") != "" {
		n = 200
	}
	if text := os.Getenv("LODE_E2E_SEED"); text != "" {
		if seed, err = strconv.ParseUint(text, 0, 64); err != nil {
			t.Fatal(err)
		}
	}
	everywhere(t, l, run, cuts(seed+1, 3*n, run.writes, inSlot), inSlot)
	all := cuts(seed, n, run.writes, inSlot)
	for i, c := range all {
		t.Run(strconv.Itoa(c.after), func(t *testing.T) {
			t.Parallel()
			bootsAfter(t, w, l, run, c, i < 2)
		})
	}
}

// everywhere asks the model about a cut after each write, but for those in the middle of
// filling a slot, which differ in nothing that the boot loader reads; and about more
// in which the last writes are in doubt.
func everywhere(t *testing.T, l *loader, run *recording, more []cut, inSlot func(write) bool) {
	card := slices.Clone(run.before)
	asked, skipped := 0, 0
	begin := time.Now()
	for i, w := range run.writes {
		copy(card[w.at:], w.data)
		if inSlot(w) && i%1000 != 0 {
			skipped++
			continue
		}
		asked++
		if _, err := l.starts(card); err != nil {
			t.Errorf("power cut after write %d: %v", i+1, err)
		}
	}
	for _, c := range more {
		asked++
		if _, err := l.starts(run.at(c)); err != nil {
			t.Errorf("%v: %v", c, err)
		}
	}
	t.Logf("model: %d cuts, %d more only fill a slot, %v", asked, skipped, time.Since(begin).Round(time.Second))
}

var trying = regexp.MustCompile(`trying slot . \(tries left: A ., B .\)`)

// bootsAfter starts the board after a cut: U-Boot does what the model does, and finds an
// image that is whole.
func bootsAfter(t *testing.T, w *workshop, l *loader, run *recording, cut cut, mines bool) {
	content := run.at(cut)
	want, err := l.starts(content)
	if err != nil {
		t.Fatalf("%v: %v", cut, err)
	}
	c := w.cardOf(t, content)
	g := c.boot(t)
	defer g.stop()
	if line := g.either(t, bootWithin, startsKernel, "no slot is left"); !strings.Contains(line, startsKernel) {
		t.Fatalf("%v: %s", cut, line)
	}
	if got := trying.FindAllString(g.console.text(), -1); !slices.Equal(got, want.tries) {
		t.Errorf("%v: U-Boot: %q, want %q", cut, got, want.tries)
	}
	t.Logf("%v: slot %s after %v", cut, want.slot, time.Since(g.begin).Round(time.Second))
	if !mines {
		return
	}
	g.until(t, fmt.Sprintf("slot %s: good", want.slot), bootWithin)
	t.Logf("accepted work after %v", time.Since(g.begin).Round(time.Second))
	if want.slot == slot.A {
		c.updates(t, g, w.next) // what the cut has left is no obstacle
	}
}

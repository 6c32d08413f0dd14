//go:build e2e

package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/lodefw/lode/firmware/fat"
	"github.com/lodefw/lode/firmware/recipe"
	"github.com/lodefw/lode/firmware/slot"
)

// Partitions of a card, by their place in its table.
const (
	bootPart = iota
	slotAPart
	slotBPart
	dataPart
)

func partOf(n slot.Name) int {
	if n == slot.A {
		return slotAPart
	}
	return slotBPart
}

// partition is where a partition is, in bytes.
func partition(card io.ReaderAt, part int) (at, size int64, err error) {
	var mbr [fat.Sector]byte
	if _, err := card.ReadAt(mbr[:], 0); err != nil {
		return 0, 0, err
	}
	e := mbr[446+16*part:]
	if mbr[510] != 0x55 || mbr[511] != 0xaa || e[4] == 0 {
		return 0, 0, fmt.Errorf("the card has no partition %d", part+1)
	}
	return int64(binary.LittleEndian.Uint32(e[8:])) * fat.Sector, int64(binary.LittleEndian.Uint32(e[12:])) * fat.Sector, nil
}

func volume(card io.ReaderAt, part int) (*fat.Volume, error) {
	at, size, err := partition(card, part)
	if err != nil {
		return nil, err
	}
	return fat.Open(io.NewSectionReader(card, at, size))
}

func fileOn(card io.ReaderAt, part int, name string) ([]byte, error) {
	v, err := volume(card, part)
	if err != nil {
		return nil, err
	}
	return v.ReadFile(name)
}

// stateOn is what the boot loader goes by.
func stateOn(card io.ReaderAt) (s slot.State, err error) {
	for _, name := range []string{recipe.SlotsName, recipe.SlotsBackup} {
		var b []byte
		if b, err = fileOn(card, bootPart, name); err == nil {
			if s, err = slot.ParseState(b); err == nil {
				return s, nil
			}
		}
	}
	return slot.NewState(), err
}

// A loader is a model of boot.cmd: it says what U-Boot does with a card.
type loader struct {
	script []byte                         // that must be there, whole
	images map[[sha256.Size]byte]struct{} // those that start
}

// A starting is what is to be seen on the console of one.
type starting struct {
	tries []string // "trying slot A (tries left: A 2, B 3)"
	slot  slot.Name
	image []byte
}

// starts says how the card starts; it changes nothing, so a card that needs another
// start because no slot had tries left is told by an error.
func (l *loader) starts(card []byte) (starting, error) {
	var s starting
	r := bytes.NewReader(card)
	if script, err := fileOn(r, bootPart, recipe.ScriptName); err != nil || !bytes.Equal(script, l.script) {
		return s, fmt.Errorf("%s is damaged: %v", recipe.ScriptName, err)
	}
	for _, name := range []string{recipe.SlotsName, recipe.SlotsBackup, recipe.CardConfig} {
		if _, err := fileOn(r, bootPart, name); err != nil {
			return s, fmt.Errorf("%s is not there: %v", name, err)
		}
	}
	state, _ := stateOn(r) // if both are damaged it is as new
	for _, n := range []slot.Name{state.First, state.First.Other()} {
		if state.Left[n] == 0 {
			continue
		}
		state.Left[n]--
		s.tries = append(s.tries, fmt.Sprintf("trying slot %s (tries left: A %d, B %d)", n, state.Left[slot.A], state.Left[slot.B]))
		image, err := fileOn(r, partOf(n), recipe.SlotFile)
		if err != nil {
			continue
		}
		if _, ok := l.images[sha256.Sum256(image)]; ok {
			s.slot, s.image = n, image
			return s, nil
		}
	}
	return s, fmt.Errorf("no slot starts: state %+v, tried %s", state, strings.Join(s.tries, ", "))
}

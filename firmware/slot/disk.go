package slot

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/lodefw/lode/firmware/fat"
	"github.com/lodefw/lode/firmware/recipe"
	"github.com/lodefw/lode/firmware/update"
)

// Parts of a card, beside the slots "A" and "B".
const (
	Boot = "boot" // the boot loader's; State is here
	Data = "data" // ours; Memory is here
)

// A Disk is a card with its parts. What Write and Replace have returned for is on the
// card; a power cut before may leave any part of it.
type Disk interface {
	Read(part, name string) ([]byte, error)
	// Write writes a file of Boot or Data.
	Write(part, name string, content []byte) error
	// Replace makes a new file system in a slot's partition, with these files:
	// nothing of the old one is read, which a power cut may have damaged.
	Replace(n Name, files []fat.File) error
}

// Memory is what a device knows of its slots beyond what U-Boot does.
type Memory struct {
	// Good are the manifests' hashes of images that have done accepted work here.
	Good map[Name]update.Hash `json:"good"`
	// Floor is the greatest Manifest.Minimum that did.
	Floor update.Version `json:"floor"`
}

const memoryName = "slots.json"

// A Card is a disk with the slot that runs. Its methods may be called from several
// goroutines.
type Card struct {
	Disk    Disk
	Running Name

	mu         sync.Mutex // one of Install and MarkGood at a time
	passed     bool       // an update was installed: what runs has no say any more
	installing sync.Mutex // one image in memory at a time
}

// State reads what the boot loader goes by. A damaged one is as the boot loader
// takes it: as new.
func (c *Card) State() State {
	for _, name := range []string{recipe.SlotsName, recipe.SlotsBackup} {
		if b, err := c.Disk.Read(Boot, name); err == nil {
			if s, err := ParseState(b); err == nil {
				return s
			}
		}
	}
	return NewState()
}

// setState writes the state twice, so that one copy is always whole.
func (c *Card) setState(s State) error {
	b := s.Encode()
	for _, name := range []string{recipe.SlotsBackup, recipe.SlotsName} {
		if err := c.Disk.Write(Boot, name, b); err != nil {
			return fmt.Errorf("slot: %s: %w", name, err)
		}
	}
	return nil
}

// memory is empty if there is none, or none that can be read: then no slot is known
// to be good.
func (c *Card) memory() Memory {
	m := Memory{Good: make(map[Name]update.Hash)}
	b, err := c.Disk.Read(Data, memoryName)
	if err == nil && json.Unmarshal(b, &m) != nil || m.Good == nil {
		m = Memory{Good: make(map[Name]update.Hash)}
	}
	return m
}

// manifest is a slot's, unchecked: who can write the slot can write that too.
func (c *Card) manifest(n Name) (*update.Manifest, update.Hash, error) {
	b, err := c.Disk.Read(string(n), recipe.SlotManifest)
	if err != nil {
		return nil, update.Hash{}, err
	}
	m, err := update.Parse(b)
	return m, sha256.Sum256(b), err
}

// Proved says whether the running image has done accepted work on this device.
func (c *Card) Proved() bool { return c.proved(c.Running) }

// Fallback says whether the other slot has an image that has.
func (c *Card) Fallback() bool { return c.proved(c.Running.Other()) }

func (c *Card) proved(n Name) bool {
	_, hash, err := c.manifest(n)
	good, known := c.memory().Good[n]
	return err == nil && known && good == hash
}

// MarkGood notes that the running image works: it comes first, and all its tries
// come back. The other slot keeps what it has. After Install it does nothing.
func (c *Card) MarkGood() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.passed {
		return nil
	}
	if s := c.State(); s.First != c.Running || s.Left[c.Running] != Tries {
		s.First, s.Left[c.Running] = c.Running, Tries
		if err := c.setState(s); err != nil {
			return err
		}
	}
	if c.Proved() {
		return nil
	}
	m, hash, err := c.manifest(c.Running)
	if err != nil {
		return fmt.Errorf("slot: manifest of slot %s: %w", c.Running, err)
	}
	mem := c.memory()
	mem.Good[c.Running] = hash
	if mem.Floor.Compare(m.Minimum) < 0 {
		mem.Floor = m.Minimum
	}
	b, err := json.Marshal(mem)
	if err != nil {
		return fmt.Errorf("slot: %w", err)
	}
	return c.Disk.Write(Data, memoryName, b)
}

// floor is the oldest version that may be installed.
func (c *Card) floor() update.Version {
	floor := c.memory().Floor
	if m, _, err := c.manifest(c.Running); err == nil && floor.Compare(m.Minimum) < 0 {
		floor = m.Minimum
	}
	return floor
}

// Device is what an update must fit.
type Device struct {
	Board   string
	Version update.Version // that runs
	Keys    []update.PublicKey
	Release bool // takes no test key
}

// Install puts a bundle into the slot that does not run, and makes it the first. It
// returns its manifest. Nothing is written unless all of the bundle is good; if
// writing fails, the slot that runs stays first.
func (c *Card) Install(r io.Reader, d Device) (*update.Manifest, error) {
	if !c.Running.Valid() {
		return nil, errors.New("slot: nobody told which slot runs; start from the card's own boot loader")
	}
	begun := false
	defer func() {
		if begun {
			c.installing.Unlock()
		}
	}()
	b, err := ReadBundle(r, func(text, signature []byte) (*update.Manifest, error) {
		m, err := d.check(text, signature, c.floor())
		if err != nil {
			return nil, err
		}
		// Only who has a signature can keep others waiting.
		if begun = c.installing.TryLock(); !begun {
			return nil, ErrBusy
		}
		return m, c.spare()
	})
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	target := c.Running.Other()
	s := c.State()
	s.First, s.Left[target] = c.Running, 0
	if s.Left[c.Running] == 0 {
		s.Left[c.Running] = 1 // it does run
	}
	if err := c.setState(s); err != nil {
		return nil, err
	}
	if err := c.fill(target, b); err != nil {
		return nil, fmt.Errorf("slot: slot %s: %w; slot %s stays", target, err, c.Running)
	}
	s.First, s.Left[target] = target, Tries
	c.passed = true
	return b.Manifest, c.setState(s)
}

// ErrBusy means that another update is under way.
var ErrBusy = errors.New("slot: another update is being installed; try again in a minute")

// spare says whether the other slot may be given up: it is not the only image that is
// known to work.
func (c *Card) spare() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch other := c.Running.Other(); {
	case c.passed:
		return fmt.Errorf("slot: an update is in slot %s already, and starts with the next boot", other)
	case !c.Proved() && c.proved(other):
		return fmt.Errorf("slot: slot %s has not done accepted work yet, and slot %s is the only one that has: wait until %s has a share accepted, or %s comes back",
			c.Running, other, c.Running, other)
	}
	return nil
}

// check is everything that can be known before the image's files are read.
func (d Device) check(manifest, signature []byte, floor update.Version) (*update.Manifest, error) {
	if len(d.Keys) == 0 {
		return nil, errors.New("slot: this image was built without a key for updates: write the card anew")
	}
	if err := update.VerifyAny(manifest, signature, d.Keys, d.Release); err != nil {
		return nil, err
	}
	m, err := update.Parse(manifest)
	if err != nil {
		return nil, err
	}
	if _, ok := m.File(recipe.SlotFile); !ok || len(m.Files) != 1 {
		return nil, fmt.Errorf("slot: the image has %d files, want %s only: is it for a card?", len(m.Files), recipe.SlotFile)
	}
	return m, m.Check(d.Board, d.Version, floor)
}

// fill writes a slot and reads it back.
func (c *Card) fill(n Name, b *Bundle) error {
	files := []fat.File{
		{Name: recipe.SlotFile, Content: b.Image},
		{Name: recipe.SlotManifest + recipe.Signature, Content: b.signature},
		{Name: recipe.SlotManifest, Content: b.manifest},
	}
	if err := c.Disk.Replace(n, files); err != nil {
		return err
	}
	for _, f := range files {
		got, err := c.Disk.Read(string(n), f.Name)
		if err == nil && !bytes.Equal(got, f.Content) {
			err = errors.New("other bytes")
		}
		if err != nil {
			return fmt.Errorf("%s reads back differently (%w): is the card worn out?", f.Name, err)
		}
	}
	return nil
}

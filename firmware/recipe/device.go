package recipe

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/lodefw/lode/firmware/update"
)

// Paths in an image's initramfs, which the builder fills and lode-miner reads.
const (
	DevicePath = "/etc/lode/board.toml" // a Device
	KeysPath   = "/etc/lode/update.pub" // public keys of updates, see update.ParsePublicKeys
	ConfigPath = "/etc/lode/lode.toml"  // lode-miner's configuration, if one was built in
	ModulesDir = "/lib/modules"         // the files that Device.Modules names
)

// Files of a card's first partition, besides the boot loader's.
const (
	ScriptName   = "boot.scr"  // chooses the slot
	SlotsName    = "slots.env" // which slots are tried how often, see the script
	SlotsBackup  = "slots.bak" // the same; written before SlotsName, read when that is damaged
	CardConfig   = "lode.toml" // lode-miner's configuration, for the user to edit
	SlotFile     = "lode.itb"  // in each slot: kernel, device tree and initramfs
	SlotManifest = "manifest.json"
	Signature    = ".sig" // after the name of what is signed
)

// SlotsSize is the size of SlotsName: CRC-32 (IEEE, little endian) of the rest, then
// NAME=VALUE texts that each end in a zero byte, then zeroes.
const SlotsSize = 4096

// SlotArg is the kernel's argument that names the slot that runs: A or B.
const SlotArg = "lode.slot"

// A Device is what the running system must know of its board and its image.
type Device struct {
	// These four are the builder's.
	Board   string         `toml:"board"`
	Version update.Version `toml:"version"`
	Built   int64          `toml:"built"`   // seconds since 1970: the clock is not before it
	Release bool           `toml:"release"` // takes no test keys
	Modules []string       `toml:"modules"` // file names, in the order in which to load them

	// UARTs of the hash boards, in the order of their connectors.
	UARTs []string `toml:"uarts"`
	// Mine is lode-miner's -board, unless the user's configuration names another.
	Mine     string `toml:"mine"`
	Network  string `toml:"network"`  // the interface, eth0
	Console  string `toml:"console"`  // the terminal for people
	Watchdog string `toml:"watchdog"` // the hardware's; empty: there is none

	// Partitions, all of them FAT; empty on boards that have none.
	BootPartition string   `toml:"boot-partition"`
	DataPartition string   `toml:"data-partition"`
	Slots         []string `toml:"slots"` // A and B
}

// Encode writes /etc/lode/board.toml.
func (d *Device) Encode() ([]byte, error) {
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("recipe: device: %w", err)
	}
	var b bytes.Buffer
	b.WriteString("# Written by lode's image builder: what this image was made for.\n")
	e := toml.NewEncoder(&b)
	e.Indent = ""
	if err := e.Encode(d); err != nil {
		return nil, fmt.Errorf("recipe: device: %w", err)
	}
	return b.Bytes(), nil
}

// ParseDevice reads what Encode wrote.
func ParseDevice(text []byte) (*Device, error) {
	var d Device
	meta, err := toml.Decode(string(text), &d)
	if err != nil {
		return nil, fmt.Errorf("recipe: device: %w", err)
	}
	if keys := meta.Undecoded(); len(keys) > 0 {
		return nil, fmt.Errorf("recipe: device: unknown key %q", keys[0])
	}
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("recipe: device: %w", err)
	}
	return &d, nil
}

func (d *Device) check() error {
	switch {
	case !update.ValidName(d.Board):
		return fmt.Errorf("board id %.40q is none", d.Board)
	case d.Built <= 0:
		return errors.New("no time of build")
	case len(d.Slots) != 0 && len(d.Slots) != 2:
		return fmt.Errorf("%d slots; there are none or two", len(d.Slots))
	case len(d.Slots) == 2 && (d.BootPartition == "" || d.DataPartition == ""):
		return errors.New("slots need a boot and a data partition")
	}
	for _, m := range d.Modules {
		if !update.ValidName(m) || !strings.HasSuffix(m, ".ko") {
			return fmt.Errorf("module %.40q is no file name", m)
		}
	}
	return nil
}

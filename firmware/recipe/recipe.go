// Package recipe is what a board's short file under firmware/boards says: how its
// image is made, and what the running system must know of its board. Bytes go in
// and come out.
package recipe

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/lodefw/lode/firmware/update"
)

// A Recipe says how a board's image or package is made.
type Recipe struct {
	ID       string `toml:"id"`       // the name of the file, and of the board in the manifest
	Name     string `toml:"name"`     // one line for people
	About    string `toml:"about"`    // what to flash, what can go wrong
	Emulated bool   `toml:"emulated"` // a machine of QEMU, for tests

	Go     Go     `toml:"go"`
	Limits Limits `toml:"limits"`

	// An image has these three.
	Kernel *Kernel `toml:"kernel"`
	Boot   *Boot   `toml:"boot"`
	Device *Device `toml:"device"`

	// An image that QEMU can start has this one too.
	Qemu *Qemu `toml:"qemu"`

	// A package for another system has this one.
	Package *Package `toml:"package"`

	// A machine that takes no image of ours has only this one: why.
	Locked string `toml:"locked"`
}

// Go is the target of the Go compiler.
type Go struct {
	Arch string `toml:"arch"` // GOARCH
	ARM  string `toml:"arm"`  // GOARM
	MIPS string `toml:"mips"` // GOMIPS
}

// Env is Go as variables of the go command.
func (g Go) Env() []string {
	env := []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + g.Arch}
	if g.ARM != "" {
		env = append(env, "GOARM="+g.ARM)
	}
	if g.MIPS != "" {
		env = append(env, "GOMIPS="+g.MIPS)
	}
	return env
}

// Providers of a kernel.
const (
	Debian = "debian" // a Debian package, unchanged
	Source = "source" // Debian's source, configured by a fragment of ours
	File   = "file"   // files that the user names: a vendor's kernel
)

// Kernel says where the kernel, its modules and its device tree come from.
type Kernel struct {
	Provider string `toml:"provider"`
	// Package is the metapackage of the kernel or the package of its source. It
	// has no number of an ABI, because those come and go.
	Package  string `toml:"package"`
	Arch     string `toml:"arch"`     // Debian's name of the architecture
	Fragment string `toml:"fragment"` // of a source: the configuration, beside the boards
	Compiler string `toml:"compiler"` // of a source: the prefix of the cross compiler
	// Target is what a source builds: zImage.
	Target string `toml:"target"`

	DTB   string   `toml:"dtb"`   // the name of the device tree; none on PCs and MIPS
	Edits []string `toml:"edits"` // changes to it: see Edit

	// Modules are what the board needs; what those need is found.
	Modules []string `toml:"modules"`
	Args    string   `toml:"args"` // the kernel's command line
}

// Layouts of an image.
const (
	Files = "files" // kernel, device tree and initramfs, for a loader that takes them so
	SD    = "sd"    // an SD card with two slots, each with the one file lode.itb
)

// Boot says in what form the board takes its image.
type Boot struct {
	Layout string `toml:"layout"`
	// Addresses in memory, for U-Boot: where it reads the slot's file to, and
	// where the kernel goes, without overlap with what the kernel unpacks to.
	Load   uint64 `toml:"load"`
	Kernel uint64 `toml:"kernel"`
	// Loader are the boot loader's parts on the card.
	Loader []Part `toml:"loader"`
}

// A Part of a boot loader is either at a fixed place of the card or a file in its
// first partition.
type Part struct {
	Package string `toml:"package"` // of Debian; none: the user names the file with Given
	Path    string `toml:"path"`    // in the package
	Given   string `toml:"given"`   // the option that names the file
	Offset  int64  `toml:"offset"`  // on the card; 0: a file of the first partition
	Name    string `toml:"name"`    // of that file
}

// Qemu says how the image is started in emulation. What talks to it makes two
// character devices, console and uart0: the first of Device.UARTs.
type Qemu struct {
	Command string `toml:"command"`
	Package string `toml:"package"`
	Args    string `toml:"args"`
}

// Formats of a package.
const (
	Deb = "deb"
	IPK = "ipk"
)

// Package says what kind of package another system takes.
type Package struct {
	Format string `toml:"format"`
	Arch   string `toml:"arch"` // that system's name of the architecture
}

// Limits are sizes in bytes that no build may exceed: what the board's flash or
// memory has room for. 0 is for what the image does not have.
type Limits struct {
	Program   int64 `toml:"program"`
	Initramfs int64 `toml:"initramfs"`
	FIT       int64 `toml:"fit"`
	Package   int64 `toml:"package"`
}

// Tags are the build tags of lode-miner. What is flashed has no room for virtual boards; a
// Debian has, and its user may try one before the real one is there.
func (r *Recipe) Tags() string {
	if r.Package != nil && r.Package.Format == Deb {
		return ""
	}
	return "novirtual"
}

// Parse reads a recipe and checks that nothing is missing.
func Parse(text []byte) (*Recipe, error) {
	var r Recipe
	meta, err := toml.Decode(string(text), &r)
	if err != nil {
		return nil, fmt.Errorf("recipe: %w", err)
	}
	if keys := meta.Undecoded(); len(keys) > 0 {
		return nil, fmt.Errorf("recipe: unknown key %q; check its spelling", keys[0])
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("recipe %s: %w", r.ID, err)
	}
	return &r, nil
}

func (r *Recipe) check() error {
	if !update.ValidName(r.ID) || r.Name == "" || r.About == "" {
		return errors.New("id, name and about are needed")
	}
	image := r.Kernel != nil || r.Boot != nil || r.Device != nil
	switch {
	case r.Locked != "" && !image && r.Package == nil:
		return nil
	case r.Locked != "":
		return errors.New("a locked machine has neither an image nor a package")
	case !slices.Contains([]string{"arm", "arm64", "mips", "mipsle", "amd64", "riscv64"}, r.Go.Arch):
		return fmt.Errorf("go.arch %q is none that lode is built for", r.Go.Arch)
	case (r.Go.Arch == "arm") != (r.Go.ARM != ""):
		return errors.New("go.arm belongs to the arch arm")
	case strings.HasPrefix(r.Go.Arch, "mips") != (r.Go.MIPS != ""):
		return errors.New("go.mips belongs to the archs mips and mipsle")
	case r.Limits.Program <= 0:
		return errors.New("limits.program is needed")
	case image == (r.Package != nil):
		return errors.New("it has either a package, or kernel, boot and device")
	case image:
		return r.checkImage()
	case r.Package.Format != Deb && r.Package.Format != IPK || r.Package.Arch == "":
		return errors.New("package needs a format, deb or ipk, and an arch")
	case r.Limits.Package <= 0:
		return errors.New("limits.package is needed")
	}
	return nil
}

func (r *Recipe) checkImage() error {
	switch k := r.Kernel; {
	case k == nil || r.Boot == nil || r.Device == nil:
		return errors.New("an image needs kernel, boot and device")
	case r.Limits.Initramfs <= 0:
		return errors.New("limits.initramfs is needed")
	case k.Provider != Debian && k.Provider != Source && k.Provider != File:
		return fmt.Errorf("kernel.provider %q is none of debian, source, file", k.Provider)
	case k.Provider != File && (k.Package == "" || k.Arch == ""):
		return errors.New("kernel.package and kernel.arch are needed")
	case k.Provider == Source && (k.Fragment == "" || k.Compiler == "" || k.Target == ""):
		return errors.New("a kernel of source needs fragment, compiler and target")
	case k.Provider == Source && len(k.Modules) > 0:
		return errors.New("a kernel of source has everything built in: no modules")
	}
	if q := r.Qemu; r.Emulated && q == nil || q != nil && (q.Command == "" || q.Package == "" || q.Args == "") {
		return errors.New("qemu needs command, package and args")
	}
	for _, text := range r.Kernel.Edits {
		if _, err := ParseEdit(text); err != nil {
			return err
		}
	}
	if err := r.Boot.check(r.Limits); err != nil {
		return err
	}
	if r.Device.Board != "" || len(r.Device.Modules) > 0 || r.Device.Version != (update.Version{}) {
		return errors.New("device.board, version and modules are filled in by the builder")
	}
	return nil
}

func (b *Boot) check(l Limits) error {
	switch b.Layout {
	case Files:
		return nil
	case SD:
	default:
		return fmt.Errorf("boot.layout %q is none of files, sd", b.Layout)
	}
	if b.Load == 0 || b.Kernel == 0 || l.FIT <= 0 {
		return errors.New("a card needs boot.load, boot.kernel and limits.fit")
	}
	for _, p := range b.Loader {
		if (p.Package == "") == (p.Given == "") || (p.Package == "") != (p.Path == "") || (p.Offset == 0) == (p.Name == "") {
			return errors.New("a part of boot.loader needs package and path, or given; and offset, or name")
		}
	}
	return nil
}

// An Edit changes a property of a device tree, or removes a node.
type Edit struct {
	Node, Property string   // no property: the whole node goes
	Text           string   // of a property that is text
	Cells          []string // of one that is 32-bit numbers
}

// ParseEdit reads "set NODE PROPERTY TEXT", "cells NODE PROPERTY NUMBER...", in hex,
// or "remove NODE". The nodes of cells are made if they are not there.
func ParseEdit(text string) (Edit, error) {
	f := strings.Fields(text)
	if len(f) >= 2 && f[1][0] == '/' {
		switch {
		case len(f) == 4 && f[0] == "set":
			return Edit{Node: f[1], Property: f[2], Text: f[3]}, nil
		case len(f) >= 4 && f[0] == "cells":
			return Edit{Node: f[1], Property: f[2], Cells: f[3:]}, nil
		case len(f) == 2 && f[0] == "remove":
			return Edit{Node: f[1]}, nil
		}
	}
	return Edit{}, fmt.Errorf("edit %q of a device tree is none of \"set /NODE PROPERTY TEXT\", \"cells /NODE PROPERTY NUMBER...\", \"remove /NODE\"", text)
}

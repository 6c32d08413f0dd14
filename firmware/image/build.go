package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/lodefw/lode/firmware/recipe"
	"github.com/lodefw/lode/firmware/slot"
	"github.com/lodefw/lode/firmware/update"
)

// Options say what is built.
type Options struct {
	Recipe *recipe.Recipe
	Root   string // of lode's source
	Out    string // the results go into its folder of the board's id
	Cache  *Cache

	Version update.Version
	Minimum update.Version // see update.Manifest
	Built   int64          // of the last commit, seconds since 1970

	Key     update.SecretKey
	Release bool // refuse the test key, here and on the device

	// Config is lode-miner's configuration to build in, or nil.
	Config []byte
	// Given are the vendor's files, by the names that recipes use: kernel, dtb...
	Given map[string]string
	// Program is a lode-miner that is built already, or nil.
	Program []byte
	// Log tells the steps; nil is silence.
	Log func(format string, args ...any)
}

// A Result is what was built.
type Result struct {
	Dir   string
	Files []Output
}

// An Output is one file in the result's folder.
type Output struct {
	Name  string
	Size  int64
	Limit int64 // 0: none
}

// builder is one build under way.
type builder struct {
	Options
	work string
	box  *Toolbox

	program, image, dtb, keys []byte

	modules []Module
	device  recipe.Device
	inputs  []Input
	result  Result
}

// Build makes a board's image or package.
func Build(ctx context.Context, o Options) (*Result, error) {
	switch {
	case o.Recipe.Locked != "":
		return nil, fmt.Errorf("image: %s takes no image of ours: %s", o.Recipe.ID, o.Recipe.Locked)
	case o.Release && o.Key.Public().IsTest():
		return nil, update.ErrTestKey
	case o.Built <= 0:
		return nil, errors.New("image: the time of the last commit is not known: build in a clone, or set SOURCE_DATE_EPOCH")
	}
	b := &builder{Options: o}
	var err error
	if b.work, err = os.MkdirTemp("", "lode-image-"); err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	defer os.RemoveAll(b.work)
	if b.box, err = o.Cache.Tools(ctx, b.tools()...); err != nil {
		return nil, err
	}
	b.result.Dir = filepath.Join(o.Out, o.Recipe.ID)
	if err := os.RemoveAll(b.result.Dir); err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	if err := os.MkdirAll(b.result.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	if err := b.all(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(b.result.Dir))
	}
	return &b.result, nil
}

// tools is what the recipe's steps need.
func (b *builder) tools() []Tool {
	switch r := b.Recipe; {
	case r.Package != nil:
		return nil
	case r.Boot.Layout == recipe.SD:
		return []Tool{XZ, Fdtput, Mkimage, DTC, Genimage, Mcopy, Mkdosfs}
	case len(r.Kernel.Edits) > 0:
		return []Tool{XZ, Fdtput}
	}
	return []Tool{XZ}
}

func (b *builder) all(ctx context.Context) error {
	b.keys = b.Key.Public().Encode()
	if err := b.buildProgram(ctx); err != nil {
		return err
	}
	var err error
	if b.Recipe.Package != nil {
		err = b.pack()
	} else {
		err = b.boot(ctx)
	}
	if err != nil {
		return err
	}
	return b.sums()
}

// buildProgram compiles lode-miner for the board.
func (b *builder) buildProgram(ctx context.Context) error {
	b.program = b.Program
	if b.program == nil {
		b.logf("compiling lode-miner for %s", strings.Join(b.Recipe.Go.Env()[2:], " "))
		const cli = "github.com/lodefw/lode/internal/cli."
		out := filepath.Join(b.work, "lode-miner")
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", b.Recipe.Tags(), "-o", out, "-ldflags",
			fmt.Sprintf("-s -w -X %sversion=%s -X %sbuilt=%d", cli, b.Version, cli, b.Built), "./cmd/lode-miner")
		cmd.Dir = b.Root
		cmd.Env = append(os.Environ(), b.Recipe.Go.Env()...)
		if text, err := cmd.CombinedOutput(); err != nil {
			b.logf("go build:\n%s", text)
			return fmt.Errorf("image: go build: %w: %s", err, lastLine(text))
		}
		var err error
		if b.program, err = os.ReadFile(out); err != nil {
			return fmt.Errorf("image: %w", err)
		}
	}
	b.logf("lode-miner has %d bytes of at most %d", len(b.program), b.Recipe.Limits.Program)
	return gate("lode-miner", b.program, b.Recipe.Limits.Program)
}

// boot makes what a board boots.
func (b *builder) boot(ctx context.Context) error {
	b.device = *b.Recipe.Device
	b.device.Board, b.device.Version, b.device.Built, b.device.Release = b.Recipe.ID, b.Version, b.Built, b.Release
	if err := b.kernel(ctx); err != nil {
		return err
	}
	initramfs, err := b.initramfs(ctx)
	if err != nil {
		return err
	}
	if err := gate("initramfs", initramfs, b.Recipe.Limits.Initramfs); err != nil {
		return err
	}
	if err := b.write("initramfs.cpio.xz", initramfs); err != nil {
		return err
	}
	if err := b.out("initramfs.cpio.xz", initramfs, b.Recipe.Limits.Initramfs); err != nil {
		return err
	}
	if err := b.out("kernel", b.image, 0); err != nil {
		return err
	}
	if b.dtb != nil {
		if err := b.out("board.dtb", b.dtb, 0); err != nil {
			return err
		}
	}
	if b.Recipe.Boot.Layout == recipe.SD {
		return b.slotAndCard(ctx)
	}
	files := []update.File{update.FileOf("kernel", b.image), update.FileOf("initramfs.cpio.xz", initramfs)}
	if b.dtb != nil {
		files = append(files, update.FileOf("board.dtb", b.dtb))
	}
	_, _, err = b.manifest(files)
	return err
}

// BundleName is the result that lodectl update sends to a device.
func BundleName(board string) string { return board + ".update" }

// slotAndCard makes the file of a slot and the card with both slots.
func (b *builder) slotAndCard(ctx context.Context) error {
	fit, err := b.fit(ctx)
	if err != nil {
		return err
	}
	if err := gate(recipe.SlotFile, fit, b.Recipe.Limits.FIT); err != nil {
		return err
	}
	if err := b.out(recipe.SlotFile, fit, b.Recipe.Limits.FIT); err != nil {
		return err
	}
	manifest, signature, err := b.manifest([]update.File{update.FileOf(recipe.SlotFile, fit)})
	if err != nil {
		return err
	}
	var bundle bytes.Buffer
	if err := slot.WriteBundle(&bundle, manifest, signature, fit); err != nil {
		return err
	}
	if err := b.out(BundleName(b.Recipe.ID), bundle.Bytes(), slot.MaxImage); err != nil {
		return err
	}
	card, err := b.card(ctx, manifest, signature)
	if err != nil {
		return err
	}
	return b.out("sdcard.img", card, 0)
}

// manifest writes and signs what a device is to check.
func (b *builder) manifest(files []update.File) (text, signature []byte, err error) {
	m := update.Manifest{
		Format: update.Format, Board: b.Recipe.ID, Version: b.Version, Minimum: b.Minimum, Built: b.Built, Files: files,
	}
	if text, err = m.Encode(); err != nil {
		return nil, nil, err
	}
	signature = b.Key.Sign(text)
	if err := b.out(recipe.SlotManifest, text, 0); err != nil {
		return nil, nil, err
	}
	return text, signature, b.out(recipe.SlotManifest+recipe.Signature, signature, 0)
}

// sums lists the hashes of all files for people, signed, and what they were made of.
func (b *builder) sums() error {
	b.inputs = append(b.inputs, b.box.Inputs...)
	slices.SortFunc(b.inputs, func(a, c Input) int { return strings.Compare(a.Arch+" "+a.Name, c.Arch+" "+c.Name) })
	inputs, err := json.MarshalIndent(map[string]any{
		"board": b.Recipe.ID, "version": b.Version, "go": runtime.Version(), "debian": slices.Compact(b.inputs),
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := b.out("inputs.json", append(inputs, '\n'), 0); err != nil {
		return err
	}
	var list strings.Builder
	for _, f := range b.result.Files {
		data, err := os.ReadFile(filepath.Join(b.result.Dir, f.Name))
		if err != nil {
			return fmt.Errorf("image: %w", err)
		}
		fmt.Fprintf(&list, "%x  %s\n", sha256.Sum256(data), f.Name)
	}
	text := []byte(list.String())
	if err := b.out("SHA256SUMS", text, 0); err != nil {
		return err
	}
	if err := b.out("SHA256SUMS"+recipe.Signature, b.Key.Sign(text), 0); err != nil {
		return err
	}
	return b.out("update.pub", b.keys, 0)
}

// gate refuses what has no room on the board.
func gate(what string, data []byte, limit int64) error {
	if n := int64(len(data)); limit > 0 && n > limit {
		return fmt.Errorf("image: %s has %d bytes; the recipe's limit is %d", what, n, limit)
	}
	return nil
}

// used notes the packages that a folder of the cache was unpacked from.
func (b *builder) used(dir string) error {
	inputs, err := readInputs(dir)
	b.inputs = append(b.inputs, inputs...)
	return err
}

func (b *builder) out(name string, data []byte, limit int64) error {
	b.result.Files = append(b.result.Files, Output{name, int64(len(data)), limit})
	if err := writeSparse(filepath.Join(b.result.Dir, name), data); err != nil {
		return fmt.Errorf("image: %w", err)
	}
	return nil
}

// writeSparse leaves out what is zero: a card is mostly that.
func writeSparse(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	zero := make([]byte, mib)
	for at := 0; at < len(data) && err == nil; at += mib {
		if part := data[at:min(at+mib, len(data))]; !bytes.Equal(part, zero[:len(part)]) {
			_, err = f.WriteAt(part, int64(at))
		}
	}
	return errors.Join(err, f.Truncate(int64(len(data))), f.Close())
}

func (b *builder) write(name string, data []byte) error {
	if err := os.WriteFile(filepath.Join(b.work, name), data, 0o644); err != nil {
		return fmt.Errorf("image: %w", err)
	}
	return nil
}

func (b *builder) read(name string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(b.work, name))
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	return data, nil
}

// run runs a tool in the work folder, with the image's time for its clock.
func (b *builder) run(ctx context.Context, command string, args ...string) error {
	cmd, err := b.command(ctx, command, args...)
	if err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		b.logf("%s %s:\n%s", command, strings.Join(args, " "), out)
		return fmt.Errorf("image: %s: %w: %s", command, err, lastLine(out))
	}
	return nil
}

// pipe runs a tool on bytes.
func (b *builder) pipe(ctx context.Context, in []byte, command string, args ...string) ([]byte, error) {
	cmd, err := b.command(ctx, command, args...)
	if err != nil {
		return nil, err
	}
	var errs bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("image: %s: %w: %s", command, err, lastLine(errs.Bytes()))
	}
	return out, nil
}

func (b *builder) command(ctx context.Context, command string, args ...string) (*exec.Cmd, error) {
	cmd, err := b.box.Command(ctx, command, args...)
	if err != nil {
		return nil, err
	}
	cmd.Dir = b.work
	cmd.Env = append(cmd.Env, fmt.Sprintf("SOURCE_DATE_EPOCH=%d", b.Built))
	return cmd, nil
}

func (b *builder) logf(format string, args ...any) {
	if b.Log != nil {
		b.Log(format, args...)
	}
}

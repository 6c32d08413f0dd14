package image

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lodefw/lode/firmware/recipe"
)

// Qemu prepares QEMU, fetched if it is not installed, to start what Build made in
// dir. The caller adds -chardev options for console and uart0 (see recipe.Qemu) and
// its own arguments of the kernel. A card is put in, and changed by what runs; it is
// started by its boot loader, unless that is the vendor's or there are arguments: then
// QEMU loads the kernel.
func (c *Cache) Qemu(ctx context.Context, r *recipe.Recipe, dir, kernelArgs string, more ...string) (*exec.Cmd, error) {
	if r.Qemu == nil {
		return nil, errors.New("image: QEMU has no machine like " + r.ID)
	}
	box, err := c.Tools(ctx, Tool{Command: r.Qemu.Command, Package: r.Qemu.Package})
	if err != nil {
		return nil, err
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	args := append(strings.Fields(r.Qemu.Args), "-display", "none", "-no-reboot", "-monitor", "none")
	loader := false
	if r.Boot.Layout == recipe.SD {
		args = append(args, "-drive", "if=sd,format=raw,file="+file("sdcard.img"))
		loader = !slices.ContainsFunc(r.Boot.Loader, func(p recipe.Part) bool { return p.Given != "" })
	}
	if !loader || kernelArgs != "" {
		args = append(args, "-kernel", file("kernel"), "-initrd", file("initramfs.cpio.xz"), "-append", strings.TrimSpace(r.Kernel.Args+" "+kernelArgs))
		if r.Kernel.DTB != "" {
			args = append(args, "-dtb", file("board.dtb"))
		}
	}
	cmd, err := box.Command(ctx, r.Qemu.Command, append(args, more...)...)
	if err != nil {
		return nil, err
	}
	cmd.Env = append(cmd.Env, "QEMU_AUDIO_DRV=none") // vexpress has a sound chip
	return cmd, nil
}

package image

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lodefw/lode/firmware/recipe"
)

// kernelFiles says where a kernel's parts lie.
type kernelFiles struct {
	image   string
	dtb     string // empty: the board has none
	modules string // the folder with modules.builtin; empty: everything is built in
}

// kernel brings the kernel, the edited device tree and the modules.
func (b *builder) kernel(ctx context.Context) error {
	files, err := b.kernelFiles(ctx)
	if err != nil {
		return err
	}
	if b.image, err = os.ReadFile(files.image); err != nil {
		return fmt.Errorf("image: kernel: %w", err)
	}
	if b.modules, err = Modules(files.modules, b.Recipe.Kernel.Modules); err != nil {
		return err
	}
	for _, m := range b.modules {
		b.device.Modules = append(b.device.Modules, m.File)
	}
	if err := b.write("kernel", b.image); err != nil || files.dtb == "" {
		return err
	}
	dtb, err := os.ReadFile(files.dtb)
	if err != nil {
		return fmt.Errorf("image: device tree: %w", err)
	}
	if err := b.write("board.dtb", dtb); err != nil {
		return err
	}
	return b.editDTB(ctx)
}

func (b *builder) kernelFiles(ctx context.Context) (files kernelFiles, err error) {
	// What the user names comes before what the recipe says, whatever the provider.
	k := b.Recipe.Kernel
	switch given := b.Given["kernel"]; {
	case given != "":
		files.image, files.modules = given, b.Given["modules"]
	case k.Provider == recipe.Debian:
		files, err = b.debianKernel(ctx)
	case k.Provider == recipe.Source:
		files, err = b.sourceKernel(ctx)
	}
	if err != nil {
		return files, err
	}
	if given := b.Given["dtb"]; given != "" {
		files.dtb = given
	}
	switch {
	case files.image == "":
		return files, fmt.Errorf("image: %s takes the vendor's kernel: say where it is, GIVEN='kernel=FILE'", b.Recipe.ID)
	case files.dtb == "" && k.DTB != "":
		return files, fmt.Errorf("image: %s takes the vendor's device tree: say where it is, GIVEN='kernel=FILE dtb=FILE'", b.Recipe.ID)
	case files.modules == "" && len(k.Modules) > 0:
		return files, fmt.Errorf("image: the modules of the given kernel are needed: GIVEN='kernel=FILE modules=FOLDER', the folder with modules.builtin")
	}
	return files, nil
}

// debianKernel is Debian's kernel, as it is.
func (b *builder) debianKernel(ctx context.Context) (files kernelFiles, err error) {
	k := b.Recipe.Kernel
	dir, err := b.Cache.Kernel(ctx, k.Arch, k.Package)
	if err != nil {
		return files, err
	}
	if err := b.used(dir); err != nil {
		return files, err
	}
	if files.image, err = only(dir, "boot/vmlinu[xz]-*"); err != nil {
		return files, err
	}
	if files.modules, err = only(dir, "lib/modules/*"); err != nil {
		return files, err
	}
	if k.DTB != "" {
		files.dtb, err = only(dir, "usr/lib/linux-image-*/"+k.DTB)
	}
	return files, err
}

// only finds the one file that fits the pattern.
func only(dir, pattern string) (string, error) {
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("image: %d files %s in %s; there should be one", len(found), pattern, dir)
	}
	return found[0], nil
}

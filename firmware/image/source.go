package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/lodefw/lode/firmware/recipe"
)

// sourceKernel is built from Debian's source with the recipe's fragment, once: for
// each version of the source, the fragment and the compiler.
func (b *builder) sourceKernel(ctx context.Context) (files kernelFiles, err error) {
	k := b.Recipe.Kernel
	fragment, err := os.ReadFile(filepath.Join(b.Root, "firmware", "boards", k.Fragment))
	if err != nil {
		return files, fmt.Errorf("image: kernel: %w", err)
	}
	source, err := b.Cache.Package(ctx, "armhf", k.Package) // Architecture: all
	if err != nil {
		return files, err
	}
	if err := b.used(source); err != nil {
		return files, err
	}
	box, err := b.Cache.Tools(ctx, kernelTools(k)...)
	if err != nil {
		return files, err
	}
	key, err := kernelKey(ctx, box, source, k, fragment)
	if err != nil {
		return files, err
	}
	dir, err := b.Cache.once(filepath.Join("kernel", key), func(dir string) error {
		return b.buildKernel(ctx, box, source, dir, fragment)
	})
	if err != nil {
		return files, err
	}
	files.image = filepath.Join(dir, k.Target)
	if k.DTB != "" {
		files.dtb = filepath.Join(dir, k.DTB)
	}
	return files, nil
}

func kernelTools(k *recipe.Kernel) []Tool {
	gcc := strings.TrimSuffix(k.Compiler, "-")
	return []Tool{
		{Command: "make", Package: "make"}, {Command: "gcc", Package: "gcc"}, {Command: "bc", Package: "bc"},
		{Command: "flex", Package: "flex"}, {Command: "bison", Package: "bison"}, {Command: "m4", Package: "m4"}, XZ,
		{Command: gcc + "-gcc", Package: "gcc-" + gcc, With: "binutils-" + gcc},
	}
}

// KernelCached says whether the kernel of source of a recipe was built before, so
// that a test may choose not to spend ten minutes on it.
func (o Options) KernelCached(ctx context.Context) bool {
	o.Cache = &Cache{Dir: o.Cache.Dir, Offline: true}
	b := builder{Options: o}
	_, err := b.kernelFiles(ctx)
	return err == nil
}

func kernelKey(ctx context.Context, box *Toolbox, source string, k *recipe.Kernel, fragment []byte) (string, error) {
	gcc, err := box.Command(ctx, k.Compiler+"gcc", "--version")
	if err != nil {
		return "", err
	}
	version, err := gcc.Output()
	if err != nil {
		return "", fmt.Errorf("image: kernel: %sgcc: %w", k.Compiler, err)
	}
	inputs, err := os.ReadFile(filepath.Join(source, inputsName))
	if err != nil {
		return "", fmt.Errorf("image: kernel: %w", err)
	}
	h := sha256.New()
	for _, part := range [][]byte{inputs, fragment, version, []byte(k.Target)} {
		fmt.Fprintf(h, "%d:", len(part))
		h.Write(part)
	}
	return k.Package + "-" + hex.EncodeToString(h.Sum(nil)[:8]), nil
}

// buildKernel takes minutes; the tree lies in the cache's folder meanwhile.
func (b *builder) buildKernel(ctx context.Context, box *Toolbox, source, dir string, fragment []byte) error {
	k := b.Recipe.Kernel
	b.logf("building %s for %s: this takes minutes, once", k.Package, b.Recipe.ID)
	work := filepath.Join(b.Cache.Dir, ".kernel") // always the same: some of it may get into the kernel
	if err := os.RemoveAll(work); err != nil {
		return fmt.Errorf("image: kernel: %w", err)
	}
	defer os.RemoveAll(work)
	tarball, err := only(source, "usr/src/linux-source-*.tar.xz")
	if err != nil {
		return err
	}
	config := filepath.Join(work, "fragment")
	tree, out := filepath.Join(work, "linux"), filepath.Join(work, "out")
	if err := os.MkdirAll(tree, 0o755); err != nil {
		return fmt.Errorf("image: kernel: %w", err)
	}
	if err := os.WriteFile(config, fragment, 0o644); err != nil {
		return fmt.Errorf("image: kernel: %w", err)
	}
	step := func(command string, args ...string) error {
		cmd, err := box.Command(ctx, command, args...)
		if err != nil {
			return err
		}
		cmd.Env = append(cmd.Env, "KCONFIG_ALLCONFIG="+config, // what no clock, user or folder may change:
			"KBUILD_BUILD_TIMESTAMP="+time.Unix(kernelEpoch, 0).UTC().Format(time.RFC3339),
			"KBUILD_BUILD_USER=lode", "KBUILD_BUILD_HOST=lode", "KBUILD_BUILD_VERSION=1")
		return runLogged(cmd, filepath.Join(b.Cache.Dir, "kernel.log"))
	}
	makeArgs := func(args ...string) []string {
		return append([]string{"-C", tree, "O=" + out, "ARCH=arm", "CROSS_COMPILE=" + k.Compiler, "-j" + strconv.Itoa(runtime.NumCPU())}, args...)
	}
	if err := step("tar", "-xJf", tarball, "-C", tree, "--strip-components=1"); err != nil {
		return err
	}
	if err := step("make", makeArgs("allnoconfig")...); err != nil {
		return err
	}
	if err := step("make", makeArgs(k.Target, "dtbs")...); err != nil {
		return err
	}
	return keepKernel(filepath.Join(out, "arch/arm/boot"), filepath.Join(out, ".config"), dir, k.Target)
}

// kernelEpoch stamps kernels of source: one for all, so that the cache may serve
// every commit.
const kernelEpoch = 1795352354

// keepKernel copies what boots: the image, every device tree and the configuration.
func keepKernel(boot, config, dir, target string) error {
	trees, err := filepath.Glob(filepath.Join(boot, "dts", "*.dtb"))
	if err != nil {
		return err
	}
	for _, from := range append(trees, filepath.Join(boot, target), config) {
		data, err := os.ReadFile(from)
		if err != nil {
			return fmt.Errorf("image: kernel: %w", err)
		}
		name := strings.TrimPrefix(filepath.Base(from), ".")
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return fmt.Errorf("image: kernel: %w", err)
		}
	}
	return nil
}

// runLogged keeps a long command's output in a file, and shows its end on failure.
func runLogged(cmd *exec.Cmd, logName string) error {
	log, err := os.Create(logName)
	if err != nil {
		return fmt.Errorf("image: %w", err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(logName)
		return fmt.Errorf("image: %s: %w: %s; all it said is in %s", filepath.Base(cmd.Path), err, lastLine(text), logName)
	}
	return nil
}

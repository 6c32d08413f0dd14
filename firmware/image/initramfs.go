package image

import (
	"context"
	"io/fs"
	"strings"
	"time"

	"github.com/lodefw/lode/firmware/recipe"
)

// Initramfs lists what a board's first and only root holds: lode-miner as /init, the
// facts of its board, the keys that it trusts and the modules of the kernel.
func Initramfs(program, device, keys, config []byte, modules []Module) []Entry {
	dir := func(name string) Entry { return Entry{Name: name, Mode: fs.ModeDir | 0o755} }
	file := func(path string, data []byte) Entry {
		return Entry{Name: strings.TrimPrefix(path, "/"), Mode: 0o644, Data: data}
	}
	entries := []Entry{dir("boot"), dir("data"), dir("dev"),
		// A Go program without a console and without /dev/null ends before its
		// first line: devtmpfs is not mounted yet.
		{Name: "dev/console", Mode: fs.ModeDevice | fs.ModeCharDevice | 0o600, Major: 5, Minor: 1},
		{Name: "dev/null", Mode: fs.ModeDevice | fs.ModeCharDevice | 0o666, Major: 1, Minor: 3},
		dir("etc"), dir("etc/lode"),
		file(recipe.DevicePath, device), file(recipe.KeysPath, keys),
	}
	if config != nil {
		e := file(recipe.ConfigPath, config)
		e.Mode = 0o600 // a pool's user may be nobody else's business
		entries = append(entries, e)
	}
	entries = append(entries, Entry{Name: "init", Mode: 0o755, Data: program}, dir("lib"), dir("lib/modules"))
	for _, m := range modules {
		entries = append(entries, file(recipe.ModulesDir+"/"+m.File, m.Data))
	}
	return append(entries, dir("proc"), dir("run"), dir("sys"), dir("tmp"))
}

// initramfs packs them for the kernel: its xz reads CRC-32 only, and takes the
// dictionary from the board's memory.
func (b *builder) initramfs(ctx context.Context) ([]byte, error) {
	device, err := b.device.Encode()
	if err != nil {
		return nil, err
	}
	archive, err := CPIO(Initramfs(b.program, device, b.keys, b.Config, b.modules), time.Unix(b.Built, 0))
	if err != nil {
		return nil, err
	}
	return b.pipe(ctx, archive, "xz", "--check=crc32", "--threads=1", "--lzma2=preset=9e,dict=2MiB", "--stdout")
}

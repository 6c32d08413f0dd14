package image

import (
	"context"
	_ "embed" // boot.cmd
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lodefw/lode/firmware/recipe"
	"github.com/lodefw/lode/firmware/slot"
)

// dataNote tells people what the data partition is for; genimage leaves none empty.
const dataNote = "readme.txt"

//go:embed boot.cmd
var bootCmd string

// Script is what U-Boot runs to choose a slot.
func Script(r *recipe.Recipe) string {
	return fmt.Sprintf("# lode for %s\nsetenv lode_board %s\nsetenv lode_load %#x\nsetenv lode_args '%s'\n\n%s",
		r.Name, r.ID, r.Boot.Load, r.Kernel.Args, bootCmd)
}

// Sizes of a card's partitions: 128 MiB together, because QEMU wants a power of two.
// A slot holds one file of at most recipe.Limits.FIT.
const (
	mib       = 1 << 20
	firstPart = 4 * mib // before it: the boot loader
	bootSize  = 20 * mib
	slotSize  = 36 * mib
	dataSize  = 32 * mib
)

// GenimageConfig describes a card for genimage; raw and files are the boot loader's
// parts at fixed places and in the first partition.
func GenimageConfig(raw []recipe.Part, bootFiles []string) string {
	var s strings.Builder
	fat := func(name, label, id string, size int, files []string) {
		fmt.Fprintf(&s, "image %s.vfat {\n\tsize = %d\n\tvfat {\n\t\tlabel = \"%s\"\n\t\textraargs = \"--invariant -F 16 -i %s\"\n", name, size, label, id)
		fmt.Fprintf(&s, "\t\tfiles = { %s }\n\t}\n}\n", quoted(files))
	}
	inSlot := []string{recipe.SlotFile, recipe.SlotManifest, recipe.SlotManifest + recipe.Signature}
	fat("boot", "LODE", "4c4f4431", bootSize, bootFiles)
	fat("slot-a", "LODE-A", "4c4f4432", slotSize, inSlot)
	fat("slot-b", "LODE-B", "4c4f4433", slotSize, inSlot)
	fat("data", "LODE-DATA", "4c4f4434", dataSize, []string{dataNote})
	s.WriteString("image sdcard.img {\n\thdimage {\n\t\tpartition-table-type = \"mbr\"\n\t\tdisk-signature = 0x6c6f6465\n\t}\n")
	for i, p := range raw {
		fmt.Fprintf(&s, "\tpartition loader%d {\n\t\tin-partition-table = false\n\t\toffset = %d\n\t\timage = \"loader%d\"\n\t}\n", i, p.Offset, i)
	}
	at := firstPart
	for _, p := range []struct {
		name string
		size int
	}{{"boot", bootSize}, {"slot-a", slotSize}, {"slot-b", slotSize}, {"data", dataSize}} {
		bootable := ""
		if p.name == "boot" {
			bootable = "\t\tbootable = true\n"
		}
		fmt.Fprintf(&s, "\tpartition %s {\n\t\tpartition-type = 0xC\n%s\t\toffset = %d\n\t\timage = \"%s.vfat\"\n\t}\n", p.name, bootable, at, p.name)
		at += p.size
	}
	s.WriteString("}\n")
	return s.String()
}

func quoted(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(q, ", ")
}

// card makes the image of a whole card, both slots filled.
func (b *builder) card(ctx context.Context, manifest, signature []byte) ([]byte, error) {
	files := []string{recipe.ScriptName, recipe.SlotsName, recipe.SlotsBackup, recipe.CardConfig}
	slots := slot.NewState().Encode()
	config := b.Config
	if config == nil {
		config = []byte(cardConfig)
	}
	for name, data := range map[string][]byte{
		dataNote:   []byte("lode keeps here what it must remember: the time, measured clocks of chips, updates.\r\n"),
		"boot.cmd": []byte(Script(b.Recipe)), recipe.SlotsName: slots, recipe.SlotsBackup: slots, recipe.CardConfig: config,
		recipe.SlotManifest: manifest, recipe.SlotManifest + recipe.Signature: signature,
	} {
		if err := b.write(name, data); err != nil {
			return nil, err
		}
	}
	if err := b.run(ctx, "mkimage", "-A", b.Recipe.Go.Arch, "-T", "script", "-C", "none", "-n", "lode", "-d", "boot.cmd", recipe.ScriptName); err != nil {
		return nil, err
	}
	script, err := b.read(recipe.ScriptName)
	if err != nil {
		return nil, err
	}
	if err := b.out(recipe.ScriptName, script, 0); err != nil {
		return nil, err
	}
	raw, more, err := b.loader(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.write("genimage.cfg", []byte(GenimageConfig(raw, append(more, files...)))); err != nil {
		return nil, err
	}
	return b.genimage(ctx)
}

func (b *builder) genimage(ctx context.Context) ([]byte, error) {
	for _, dir := range []string{"root", "card"} {
		if err := os.Mkdir(filepath.Join(b.work, dir), 0o755); err != nil {
			return nil, fmt.Errorf("image: %w", err)
		}
	}
	// mcopy takes the time of a file on the card from the file.
	if err := b.touchAll(); err != nil {
		return nil, err
	}
	err := b.run(ctx, "genimage", "--config", "genimage.cfg", "--rootpath", "root", "--tmppath", "tmp", "--inputpath", ".", "--outputpath", "card")
	if err != nil {
		return nil, err
	}
	return b.read("card/sdcard.img")
}

// loader copies the boot loader's parts into the work folder.
func (b *builder) loader(ctx context.Context) (raw []recipe.Part, files []string, err error) {
	for _, p := range b.Recipe.Boot.Loader {
		data, err := b.loaderPart(ctx, p)
		if err != nil {
			return nil, nil, err
		}
		name := p.Name
		switch {
		case data == nil:
			b.logf("without %s: this card boots only with it; add GIVEN='%s=FILE', or copy it to the first partition as %s", p.Given, p.Given, p.Name)
			continue
		case p.Offset > 0:
			if p.Offset+int64(len(data)) > firstPart {
				return nil, nil, fmt.Errorf("image: %s of %d bytes at %d reaches into the first partition", p.Path, len(data), p.Offset)
			}
			name = fmt.Sprintf("loader%d", len(raw))
			raw = append(raw, p)
		default:
			files = append(files, name)
		}
		if err := b.write(name, data); err != nil {
			return nil, nil, err
		}
	}
	return raw, files, nil
}

// loaderPart is nil if the user did not give it.
func (b *builder) loaderPart(ctx context.Context, p recipe.Part) ([]byte, error) {
	path := b.Given[p.Given]
	if p.Package != "" {
		dir, err := b.Cache.Package(ctx, b.Recipe.Kernel.Arch, p.Package)
		if err != nil {
			return nil, err
		}
		if err := b.used(dir); err != nil {
			return nil, err
		}
		path = filepath.Join(dir, p.Path)
	}
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("image: boot loader: %w", err)
	}
	return data, nil
}

// cardConfig is what a user finds on a card that was built without a configuration.
const cardConfig = `# lode's settings. Edit this file on any computer, put the card back, switch on.
# Every key is a flag of lode-miner: see lode-miner -h.

# Where to mine, in order of preference, and your account there.
# pool = ["stratum2+tcp://pool.example:34254/KEY"]
# user = "account.worker"
`

package image

import (
	"context"
	"fmt"
	"strings"
)

// ITS is the description of a FIT for mkimage: kernel, initramfs and device tree, each
// with its SHA-256, which U-Boot checks before it starts them.
func ITS(board, version, arch string, load uint64, dtb bool) string {
	var s strings.Builder
	image := func(name, kind, file, more string) {
		fmt.Fprintf(&s, `		%s {
			description = "%s";
			data = /incbin/("%s");
			type = "%s";
			arch = "%s";
			compression = "none";
%s			hash { algo = "sha256"; };
		};
`, name, name, file, kind, arch, more)
	}
	fmt.Fprintf(&s, `/dts-v1/;
/ {
	description = "lode %s for %s";
	#address-cells = <1>;
	images {
`, version, board)
	image("kernel", "kernel", "kernel", fmt.Sprintf("\t\t\tos = \"linux\";\n\t\t\tload = <%#x>;\n\t\t\tentry = <%#x>;\n", load, load))
	image("initramfs", "ramdisk", "initramfs.cpio.xz", "\t\t\tos = \"linux\";\n")
	fdt := ""
	if dtb {
		image("fdt", "flat_dt", "board.dtb", "")
		fdt = "fdt = \"fdt\"; "
	}
	fmt.Fprintf(&s, `	};
	configurations {
		default = "lode";
		lode { kernel = "kernel"; ramdisk = "initramfs"; %s};
	};
};
`, fdt)
	return s.String()
}

// fit makes lode.itb from the files in the work folder.
func (b *builder) fit(ctx context.Context) ([]byte, error) {
	arch := b.Recipe.Go.Arch
	if strings.HasPrefix(arch, "mips") {
		arch = "mips"
	}
	its := ITS(b.Recipe.ID, b.Version.String(), arch, b.Recipe.Boot.Kernel, b.dtb != nil)
	if err := b.write("lode.its", []byte(its)); err != nil {
		return nil, err
	}
	if err := b.run(ctx, "mkimage", "-f", "lode.its", "lode.itb"); err != nil {
		return nil, err
	}
	return b.read("lode.itb")
}

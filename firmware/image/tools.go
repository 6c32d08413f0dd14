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
	"slices"
	"strings"
)

// A Tool is a command and the package of Debian that has it.
type Tool struct {
	Command, Package string
	// With is a package that must be unpacked beside it, though it may be
	// installed: a compiler looks for its assembler where it lies itself.
	With string
}

// Tools that a step needs.
var (
	Mkimage  = Tool{Command: "mkimage", Package: "u-boot-tools"}
	DTC      = Tool{Command: "dtc", Package: "device-tree-compiler"} // mkimage calls it
	Fdtput   = Tool{Command: "fdtput", Package: "device-tree-compiler"}
	XZ       = Tool{Command: "xz", Package: "xz-utils"}
	Genimage = Tool{Command: "genimage", Package: "genimage"}
	Mcopy    = Tool{Command: "mcopy", Package: "mtools"}       // genimage calls it
	Mkdosfs  = Tool{Command: "mkdosfs", Package: "dosfstools"} // genimage calls it
)

// A Toolbox runs commands that may not be installed here.
type Toolbox struct {
	// Root is the folder with unpacked packages; empty if all was installed.
	Root   string
	Inputs []Input
}

// Tools finds the commands on this machine or unpacks Debian's into the cache.
func (c *Cache) Tools(ctx context.Context, tools ...Tool) (*Toolbox, error) {
	var pkgs, missing []string
	box := &Toolbox{}
	for _, t := range tools {
		if _, err := box.find(t.Command); err != nil && !slices.Contains(pkgs, t.Package) {
			pkgs, missing = append(pkgs, t.Package), append(missing, t.Command)
			if t.With != "" {
				pkgs = append(pkgs, t.With)
			}
		}
	}
	if len(pkgs) == 0 {
		return box, nil
	}
	slices.Sort(pkgs)
	sum := sha256.Sum256([]byte(strings.Join(pkgs, " ")))
	name := filepath.Join("tools", hex.EncodeToString(sum[:6]))
	if !sameRelease() && !c.Offline && (c.Refresh || !exists(filepath.Join(c.Dir, name))) {
		return nil, fmt.Errorf("image: missing here: %s. Install %s (the names of Debian's packages), or build in a container of Debian %s",
			strings.Join(missing, ", "), strings.Join(pkgs, ", "), release)
	}
	a := c.apt(debianArch(), true)
	dir, err := a.once(ctx, name, func(dir string) error { return a.fetchTools(ctx, dir, pkgs) })
	if err != nil {
		return nil, err
	}
	box.Root = dir
	box.Inputs, err = readInputs(dir)
	return box, err
}

// fetchTools unpacks the packages and those that they need and this machine lacks.
func (a *apt) fetchTools(ctx context.Context, dir string, pkgs []string) error {
	args := append([]string{"install", "--print-uris", "-y", "-qq", "--no-install-recommends"}, pkgs...)
	out, err := a.command(ctx, "apt-get", args...).Output()
	if err != nil {
		return fmt.Errorf("image: Debian has %s no more, or its lists could not be read: is the network there?", strings.Join(pkgs, ", "))
	}
	var all []string
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line) // 'URI' name_version_arch.deb size hash
		if len(f) < 2 || !strings.HasSuffix(f[1], ".deb") {
			continue
		}
		p := strings.Split(f[1], "_")
		all = append(all, p[0]+"="+strings.ReplaceAll(p[1], "%3a", ":"))
	}
	for _, p := range pkgs { // installed already: unpacked all the same
		if !slices.ContainsFunc(all, func(a string) bool { return strings.HasPrefix(a, p+"=") }) {
			all = append(all, p)
		}
	}
	_, err = a.download(ctx, dir, all)
	return err
}

// sameRelease says whether packages of our Debian fit this machine's.
func sameRelease() bool {
	text, err := os.ReadFile("/etc/os-release")
	return err == nil && strings.Contains(string(text), "VERSION_CODENAME="+release+"\n")
}

func debianArch() string {
	switch runtime.GOARCH {
	case "arm":
		return "armhf"
	case "386":
		return "i386"
	case "ppc64le":
		return "ppc64el"
	}
	return runtime.GOARCH
}

func (t *Toolbox) bins() []string {
	var dirs []string
	if t.Root != "" {
		for _, d := range []string{"usr/bin", "usr/sbin", "bin", "sbin"} {
			dirs = append(dirs, filepath.Join(t.Root, d))
		}
	}
	return append(dirs, append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin")...)
}

// find is the path of a command.
func (t *Toolbox) find(command string) (string, error) {
	for _, dir := range t.bins() {
		p := filepath.Join(dir, command)
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return p, nil
		}
	}
	return "", fmt.Errorf("image: no command %s", command)
}

// Command prepares a command of the toolbox; what it calls itself comes from there too.
func (t *Toolbox) Command(ctx context.Context, command string, args ...string) (*exec.Cmd, error) {
	path, err := t.find(command)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC0", "PATH="+strings.Join(t.bins(), ":"))
	if t.Root != "" {
		libs, err := t.libs()
		if err != nil {
			return nil, err
		}
		cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+libs, "M4=m4", "BISON_PKGDATADIR="+filepath.Join(t.Root, "usr/share/bison"))
	}
	return cmd, nil
}

// libs lists the folders of shared libraries: also those of packages that keep
// theirs apart, as pulseaudio does.
func (t *Toolbox) libs() (string, error) {
	var dirs []string
	for _, pattern := range []string{"lib/*-linux-*", "usr/lib/*-linux-*", "usr/lib/*-linux-*/pulseaudio", "usr/lib/*-linux-*/blas"} {
		found, err := filepath.Glob(filepath.Join(t.Root, pattern))
		if err != nil {
			return "", err
		}
		dirs = append(dirs, found...)
	}
	return strings.Join(dirs, ":"), nil
}

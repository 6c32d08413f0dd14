package image

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// What is fetched comes from this release of Debian, whatever runs here.
const (
	release = "bookworm"
	keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
	mirror  = "http://deb.debian.org" // signatures are checked, so plain HTTP does
)

// apt is Debian's package manager with its own lists, for one architecture: what this
// machine has installed, and its own sources, stay as they are.
type apt struct {
	c    *Cache
	arch string
	dir  string
	// host says that packages installed here need not be fetched.
	host bool
}

func (c *Cache) apt(arch string, host bool) *apt {
	return &apt{c: c, arch: arch, dir: filepath.Join(c.Dir, "apt", arch), host: host}
}

func (a *apt) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	status := "/dev/null"
	if a.host {
		status = "/var/lib/dpkg/status"
	}
	options := []string{
		"Dir::Etc::sourcelist=" + filepath.Join(a.dir, "sources.list"), "Dir::Etc::sourceparts=-",
		"Dir::State::lists=" + filepath.Join(a.dir, "lists"), "Dir::Cache=" + filepath.Join(a.dir, "cache"),
		"Dir::State::status=" + status, "Debug::NoLocking=1",
		"APT::Architecture=" + a.arch, "APT::Architectures::=" + a.arch,
		"APT::Sandbox::User=", "Acquire::Languages=none", "Acquire::Retries=3",
		"Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false", // 6 MB of icons
	}
	var all []string
	for _, o := range options {
		all = append(all, "-o", o)
	}
	cmd := exec.CommandContext(ctx, name, append(all, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	return cmd
}

// update reads Debian's lists, unless it did today.
func (a *apt) update(ctx context.Context) error {
	for _, tool := range []string{"apt-get", "apt-cache", "dpkg"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("image: %s is not here: images are built on Debian or in a container of it", tool)
		}
	}
	if !exists(keyring) {
		return fmt.Errorf("image: Debian's keys are not here, so nothing could be trusted: install the package debian-archive-keyring")
	}
	if st, err := os.Stat(a.stamp()); err == nil && time.Since(st.ModTime()) < 24*time.Hour && !a.c.Refresh {
		return nil
	}
	for _, dir := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(a.dir, dir), 0o755); err != nil {
			return fmt.Errorf("image: apt: %w", err)
		}
	}
	at := mirror
	if m := os.Getenv("LODE_MIRROR"); m != "" {
		at = strings.TrimSuffix(m, "/")
	}
	var list strings.Builder
	for _, suite := range []string{"debian " + release, "debian " + release + "-updates", "debian-security " + release + "-security"} {
		fmt.Fprintf(&list, "deb [signed-by=%s] %s/%s main\n", keyring, at, suite)
	}
	if err := os.WriteFile(filepath.Join(a.dir, "sources.list"), []byte(list.String()), 0o644); err != nil {
		return fmt.Errorf("image: apt: %w", err)
	}
	a.c.logf("reading Debian's package lists for %s", a.arch)
	out, err := a.command(ctx, "apt-get", "update", "-q", "-o", "APT::Update::Error-Mode=any").CombinedOutput()
	if err != nil {
		// A mirror in the middle of its update has one list that does not fit its
		// signature. What the others have is good; what they lack is told later, and
		// the next build asks again.
		a.c.logf("a list of Debian's could not be read, going on without it: %s", lastLine(out))
		return ctx.Err()
	}
	return os.WriteFile(a.stamp(), nil, 0o644)
}

// once is Cache.once for what fill fetches with the lists. What fails may be the line or
// the mirror of the moment, or today's list may name what the mirror has replaced since: so
// it is tried again, with lists that are read anew.
func (a *apt) once(ctx context.Context, name string, fill func(dir string) error) (dir string, err error) {
	err = a.c.patiently(ctx, func() (mends bool, err error) {
		dir, err = a.c.once(name, func(dir string) error {
			if err := a.update(ctx); err != nil {
				return err
			}
			err := fill(dir)
			if mends = err != nil; mends {
				os.Remove(a.stamp()) // if that fails, the old lists may do
			}
			return err
		})
		return mends, err
	})
	return dir, err
}

// later is when what could not be fetched is tried again. Apt itself tries a connection
// that breaks off four times within seconds.
func later() []time.Duration { return []time.Duration{5 * time.Second, 30 * time.Second} }

// patiently calls try again, later, while it fails in a way that time may mend.
func (c *Cache) patiently(ctx context.Context, try func() (mends bool, err error)) error {
	for _, pause := range later() {
		mends, err := try()
		if !mends || ctx.Err() != nil {
			return err
		}
		c.logf("%v; trying again in %v", err, pause)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
	_, err := try()
	return err
}

// stamp is the file whose time is that of the lists.
func (a *apt) stamp() string { return filepath.Join(a.dir, "updated") }

// show is a field of the newest version of a package.
func (a *apt) show(ctx context.Context, pkg, field string) (string, error) {
	out, err := a.command(ctx, "apt-cache", "show", "--no-all-versions", pkg).Output()
	if err != nil {
		return "", fmt.Errorf("image: Debian %s has no package %s for %s that could be read: is the network there?", release, pkg, a.arch)
	}
	for line := range strings.Lines(string(out)) {
		if value, ok := strings.CutPrefix(line, field+": "); ok {
			return strings.TrimSpace(value), nil
		}
	}
	return "", nil
}

// download fetches packages, checked by apt against Debian's signed lists, and
// unpacks them into dir.
func (a *apt) download(ctx context.Context, dir string, pkgs []string) ([]Input, error) {
	debs, err := os.MkdirTemp(a.dir, "debs-")
	if err != nil {
		return nil, fmt.Errorf("image: apt: %w", err)
	}
	defer os.RemoveAll(debs)
	a.c.logf("fetching from Debian: %s", strings.Join(pkgs, " "))
	cmd := a.command(ctx, "apt-get", append([]string{"download", "-q"}, pkgs...)...)
	cmd.Dir = debs
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("image: fetching %s: %s", strings.Join(pkgs, " "), lastLine(out))
	}
	var inputs []Input
	for _, p := range pkgs {
		name, _, _ := strings.Cut(p, "=")
		version, err := a.show(ctx, p, "Version")
		if err != nil {
			return nil, err
		}
		sum, err := a.show(ctx, p, "SHA256")
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, Input{Name: name, Arch: a.arch, Version: version, SHA256: sum})
	}
	files, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	if err != nil || len(files) != len(pkgs) {
		return nil, fmt.Errorf("image: %d packages came for %s", len(files), strings.Join(pkgs, " "))
	}
	slices.Sort(files)
	for _, f := range files {
		if out, err := exec.CommandContext(ctx, "dpkg", "-x", f, dir).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("image: unpacking %s: %s", filepath.Base(f), lastLine(out))
		}
	}
	return inputs, writeInputs(dir, inputs)
}

// An Input is a package that a build used.
type Input struct {
	Name    string `json:"name"`
	Arch    string `json:"arch"`
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
}

const inputsName = ".inputs.json"

func writeInputs(dir string, inputs []Input) error {
	text, err := json.MarshalIndent(inputs, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, inputsName), append(text, '\n'), 0o644)
}

func readInputs(dir string) (inputs []Input, err error) {
	text, err := os.ReadFile(filepath.Join(dir, inputsName))
	if err != nil {
		return nil, fmt.Errorf("image: cache: %w", err)
	}
	return inputs, json.Unmarshal(text, &inputs)
}

// Package is the folder with an unpacked package of Debian.
func (c *Cache) Package(ctx context.Context, arch, pkg string) (string, error) {
	a := c.apt(arch, false)
	return a.once(ctx, filepath.Join("debian", arch, pkg), func(dir string) error {
		_, err := a.download(ctx, dir, []string{pkg})
		return err
	})
}

// Kernel is the folder with the kernel that a metapackage stands for now: its own
// name has the number of an ABI, and changes.
func (c *Cache) Kernel(ctx context.Context, arch, meta string) (string, error) {
	a := c.apt(arch, false)
	return a.once(ctx, filepath.Join("debian", arch, meta), func(dir string) error {
		depends, err := a.show(ctx, meta, "Depends")
		if err != nil {
			return err
		}
		name, _, _ := strings.Cut(depends, " ")
		if !strings.HasPrefix(name, "linux-image-") {
			return fmt.Errorf("image: the package %s stands for no kernel: it needs %q", meta, depends)
		}
		_, err = a.download(ctx, dir, []string{name})
		return err
	})
}

func lastLine(out []byte) string {
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	return string(lines[len(lines)-1])
}

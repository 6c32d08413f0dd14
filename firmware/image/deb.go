package image

import (
	"crypto/md5"
	"embed"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/lodefw/lode/firmware/recipe"
)

// What packages hold besides the program, as it is.
//
//go:embed package
var packageFiles embed.FS

func packageFile(name string) []byte {
	data, err := packageFiles.ReadFile("package/" + name)
	if err != nil {
		panic(err) // it is compiled in
	}
	return data
}

// pack makes a package for another system.
func (b *builder) pack() error {
	files, name := []Member(nil), ""
	version := PackageVersion(b.Version.String())
	switch p := b.Recipe.Package; p.Format {
	case recipe.Deb:
		files, name = DebFiles(b.program), fmt.Sprintf("lode-miner_%s_%s.deb", version, p.Arch)
	default:
		files, name = IPKFiles(b.program), fmt.Sprintf("lode-miner_%s_%s.ipk", version, p.Arch)
	}
	data, err := Pack(b.Recipe.Package, version, files, time.Unix(b.Built, 0))
	if err != nil {
		return err
	}
	if err := gate(name, data, b.Recipe.Limits.Package); err != nil {
		return err
	}
	return b.out(name, data, b.Recipe.Limits.Package)
}

// PackageVersion writes a version so that package managers order it as we do: what
// follows a release is after it.
func PackageVersion(version string) string {
	return strings.ReplaceAll(strings.TrimPrefix(version, "v"), "-", "+")
}

// DebFiles are what the .deb installs.
func DebFiles(program []byte) []Member {
	return []Member{
		{"etc/lode/lode.toml", 0o640, packageFile("lode.toml")},
		{"usr/bin/lode-miner", 0o755, program},
		{"usr/lib/systemd/system/lode-miner.service", 0o644, packageFile("lode-miner.service")},
		{"usr/lib/sysusers.d/lode-miner.conf", 0o644, packageFile("sysusers.conf")},
		{"usr/lib/udev/rules.d/70-lode-miner.rules", 0o644, packageFile("udev.rules")},
	}
}

// IPKFiles are what the OpenWrt package installs.
func IPKFiles(program []byte) []Member {
	return []Member{
		{"etc/config/lode-miner", 0o600, packageFile("uci.conf")},
		{"etc/init.d/lode-miner", 0o755, packageFile("init.sh")},
		{"usr/bin/lode-miner", 0o755, program},
	}
}

// Pack makes a .deb or an .ipk.
func Pack(p *recipe.Package, version string, files []Member, t time.Time) ([]byte, error) {
	var installed int64
	var conf, sums strings.Builder
	for _, f := range files {
		installed += int64(len(f.Data))
		if strings.HasPrefix(f.Path, "etc/lode/") || strings.HasPrefix(f.Path, "etc/config/") {
			fmt.Fprintf(&conf, "/%s\n", f.Path)
		}
		fmt.Fprintf(&sums, "%x  %s\n", md5.Sum(f.Data), f.Path) // dpkg's choice: not against forgers
	}
	control := []Member{
		{"control", 0o644, []byte(control(p, version, installed))},
		{"conffiles", 0o644, []byte(conf.String())},
	}
	scripts := []string{"postinst", "prerm"}
	if p.Format == recipe.Deb {
		control = append(control, Member{"md5sums", 0o644, []byte(sums.String())})
		scripts = append(scripts, "postrm")
	}
	for _, s := range scripts {
		control = append(control, Member{s, 0o755, packageFile(path.Join(p.Format, s))})
	}
	controlTar, err := Tarball(control, t)
	if err != nil {
		return nil, err
	}
	dataTar, err := Tarball(files, t)
	if err != nil {
		return nil, err
	}
	parts := []Member{{"debian-binary", 0o644, []byte("2.0\n")}, {"control.tar.gz", 0o644, controlTar}, {"data.tar.gz", 0o644, dataTar}}
	if p.Format == recipe.Deb {
		return AR(parts, t), nil
	}
	parts[1], parts[2] = parts[2], parts[1] // the order of OpenWrt's own
	return Tarball(parts, t)
}

func control(p *recipe.Package, version string, installed int64) string {
	var s strings.Builder
	fmt.Fprintf(&s, "Package: lode-miner\nVersion: %s\nArchitecture: %s\nMaintainer: lode\nSection: net\nPriority: optional\n", version, p.Arch)
	if p.Format == recipe.Deb {
		fmt.Fprintf(&s, "Installed-Size: %d\nDepends: systemd | systemd-standalone-sysusers\n", (installed+1023)/1024)
	} else {
		fmt.Fprintf(&s, "Installed-Size: %d\nDepends: libc\nLicense: MIT OR Apache-2.0\n", installed)
	}
	s.WriteString("Description: Stratum V2 miner for ASIC boards and processors\n lode-miner finds the chips of its board, powers, cools and watches them, and mines\n at a Stratum V2 pool.\n")
	return s.String()
}

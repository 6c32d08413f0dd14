package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lodefw/lode/firmware/recipe"
)

var when = time.Unix(1795352354, 0)

// readTarball reads all members; it fails for one that has another owner or time.
func readTarball(t *testing.T, b []byte) (names []string, files map[string]*tar.Header, data map[string]string) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	files, data = map[string]*tar.Header{}, map[string]string{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return names, files, data
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || !h.ModTime.Equal(when) || !strings.HasPrefix(h.Name, "./") {
			t.Errorf("%s: owner %d:%d, time %v", h.Name, h.Uid, h.Gid, h.ModTime)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		files[h.Name], data[h.Name] = h, string(text)
	}
}

// readAR reads ar(5) as dpkg does.
func readAR(t *testing.T, b []byte) (names []string, data map[string][]byte) {
	t.Helper()
	rest, ok := bytes.CutPrefix(b, []byte("!<arch>\n"))
	if !ok {
		t.Fatal("no ar archive")
	}
	data = map[string][]byte{}
	for len(rest) > 0 {
		head := string(rest[:60])
		size, err := strconv.Atoi(strings.TrimSpace(head[48:58]))
		if err != nil || head[58:] != "`\n" {
			t.Fatalf("header %q", head)
		}
		name := strings.TrimSpace(head[:16])
		if got := strings.Fields(head[16:48]); strings.Join(got, " ") != "1795352354 0 0 100644" {
			t.Errorf("%s: %v", name, got)
		}
		names, data[name] = append(names, name), rest[60:60+size]
		rest = rest[60+size+size%2:]
	}
	return names, data
}

func TestDeb(t *testing.T) {
	p := &recipe.Package{Format: recipe.Deb, Arch: "armhf"}
	deb, err := Pack(p, "1.2.3+4", DebFiles([]byte("program")), when)
	if err != nil {
		t.Fatal(err)
	}
	names, parts := readAR(t, deb)
	if got := strings.Join(names, " "); got != "debian-binary control.tar.gz data.tar.gz" || string(parts["debian-binary"]) != "2.0\n" {
		t.Fatalf("members %s, version %q", got, parts["debian-binary"])
	}
	_, headers, control := readTarball(t, parts["control.tar.gz"])
	for _, want := range []string{"Package: lode-miner\n", "Version: 1.2.3+4\n", "Architecture: armhf\n"} {
		if !strings.Contains(control["./control"], want) {
			t.Errorf("control lacks %q: %s", want, control["./control"])
		}
	}
	if control["./conffiles"] != "/etc/lode/lode.toml\n" {
		t.Errorf("conffiles %q: a user's settings would be overwritten", control["./conffiles"])
	}
	if headers["./postinst"].Mode != 0o755 {
		t.Errorf("postinst has mode %o", headers["./postinst"].Mode)
	}
	names, headers, files := readTarball(t, parts["data.tar.gz"])
	if names[0] != "./" || names[1] != "./etc/" {
		t.Errorf("folders must come first: %v", names)
	}
	if files["./usr/bin/lode-miner"] != "program" || headers["./usr/bin/lode-miner"].Mode != 0o755 {
		t.Error("the program is not there, or does not run")
	}
	unit := files["./usr/lib/systemd/system/lode-miner.service"]
	for _, want := range []string{"Type=notify\n", "WatchdogSec=", "User=lode-miner\n", "NoNewPrivileges=yes\n", "ProtectSystem=strict\n", "CapabilityBoundingSet=\n"} {
		if !strings.Contains(unit, want) {
			t.Errorf("the unit lacks %q", want)
		}
	}
	if again, _ := Pack(p, "1.2.3+4", DebFiles([]byte("program")), when); !bytes.Equal(again, deb) {
		t.Error("made again it is different")
	}
}

func TestIPK(t *testing.T) {
	p := &recipe.Package{Format: recipe.IPK, Arch: "mipsel_24kc"}
	ipk, err := Pack(p, "1.2.3", IPKFiles([]byte("program")), when)
	if err != nil {
		t.Fatal(err)
	}
	names, _, parts := readTarball(t, ipk)
	if got := strings.Join(names, " "); got != "./ ./debian-binary ./data.tar.gz ./control.tar.gz" {
		t.Fatalf("members %s", got)
	}
	_, _, control := readTarball(t, []byte(parts["./control.tar.gz"]))
	if !strings.Contains(control["./control"], "Architecture: mipsel_24kc\n") || control["./conffiles"] != "/etc/config/lode-miner\n" {
		t.Errorf("control %q, conffiles %q", control["./control"], control["./conffiles"])
	}
	_, headers, files := readTarball(t, []byte(parts["./data.tar.gz"]))
	if script := files["./etc/init.d/lode-miner"]; !strings.Contains(script, "USE_PROCD=1") || headers["./etc/init.d/lode-miner"].Mode != 0o755 {
		t.Errorf("no script of procd: %s", script)
	}
	if !strings.Contains(files["./etc/config/lode-miner"], "list pool") || files["./usr/bin/lode-miner"] != "program" {
		t.Errorf("files %v", headers)
	}
}

func TestPackageVersion(t *testing.T) {
	for version, want := range map[string]string{"v1.2.3": "1.2.3", "v0.0.0-1795-gabc-dirty": "0.0.0+1795+gabc+dirty"} {
		if got := PackageVersion(version); got != want {
			t.Errorf("PackageVersion(%s) = %s, want %s", version, got, want)
		}
	}
}

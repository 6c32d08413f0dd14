package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"path"
	"time"
)

// A Member is a file of a package.
type Member struct {
	Path string // below the root of the system that it is for: usr/bin/lode-miner
	Mode int64
	Data []byte
}

// Tarball packs files and the folders above them, owned by root and of one time, for
// dpkg and opkg: names begin with "./".
func Tarball(members []Member, t time.Time) ([]byte, error) {
	var b bytes.Buffer
	// No name and no time in the header; the best compression, for small flashes.
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	w := tar.NewWriter(z)
	made := map[string]bool{}
	add := func(h tar.Header, data []byte) error {
		h.ModTime, h.Uname, h.Gname, h.Format = t.UTC(), "root", "root", tar.FormatGNU
		if err := w.WriteHeader(&h); err != nil {
			return fmt.Errorf("image: %s: %w", h.Name, err)
		}
		_, err := w.Write(data)
		return err
	}
	var dirs func(dir string) error
	dirs = func(dir string) error {
		if made[dir] {
			return nil
		}
		made[dir] = true
		name := "./"
		if dir != "." {
			if err := dirs(path.Dir(dir)); err != nil {
				return err
			}
			name = "./" + dir + "/"
		}
		return add(tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755}, nil)
	}
	for _, m := range members {
		if err := dirs(path.Dir(m.Path)); err != nil {
			return nil, err
		}
		if err := add(tar.Header{Typeflag: tar.TypeReg, Name: "./" + m.Path, Mode: m.Mode, Size: int64(len(m.Data))}, m.Data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}

// AR is the archive that a .deb is (deb(5)).
func AR(members []Member, t time.Time) []byte {
	b := bytes.NewBufferString("!<arch>\n")
	for _, m := range members {
		fmt.Fprintf(b, "%-16s%-12d%-6d%-6d%-8o%-10d`\n", m.Path, t.Unix(), 0, 0, 0o100000|m.Mode, len(m.Data))
		b.Write(m.Data)
		if len(m.Data)%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

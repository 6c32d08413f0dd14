package image

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"time"
)

// An Entry is one thing in an archive: a file, a folder or a device node.
type Entry struct {
	Name  string // without a slash in front
	Mode  fs.FileMode
	Data  []byte
	Major uint32 // of a device node
	Minor uint32
}

// Types of a file in the mode of cpio's newc form (cpio(5)).
const (
	cpioDir  = 0o040000
	cpioFile = 0o100000
	cpioChar = 0o020000
)

// CPIO writes the entries in cpio's newc form, which the kernel unpacks as its first
// root: all owned by root and of the same time, so that the same entries make the
// same bytes. Folders must come before what is in them.
func CPIO(entries []Entry, mtime time.Time) ([]byte, error) {
	var b bytes.Buffer
	made := map[string]bool{".": true}
	for i, e := range entries {
		mode := uint32(e.Mode.Perm())
		switch {
		case e.Mode.IsDir():
			mode |= cpioDir
		case e.Mode.IsRegular():
			mode |= cpioFile
		case e.Mode&fs.ModeCharDevice != 0:
			mode |= cpioChar
		default:
			return nil, fmt.Errorf("image: initramfs: %s is neither file, folder nor device", e.Name)
		}
		if !fs.ValidPath(e.Name) || made[e.Name] || !made[path.Dir(e.Name)] {
			return nil, fmt.Errorf("image: initramfs: %q is no path, is there twice, or comes before its folder", e.Name)
		}
		made[e.Name] = true
		cpioEntry(&b, uint32(i+1), mode, e, mtime)
	}
	cpioEntry(&b, 0, 0, Entry{Name: "TRAILER!!!"}, time.Unix(0, 0))
	b.Write(make([]byte, -b.Len()&511))
	return b.Bytes(), nil
}

func cpioEntry(b *bytes.Buffer, inode, mode uint32, e Entry, mtime time.Time) {
	links := uint32(1)
	if mode&cpioDir == cpioDir {
		links = 2
	}
	b.WriteString("070701")
	for _, v := range []uint32{
		inode, mode, 0, 0, links, uint32(mtime.Unix()), uint32(len(e.Data)),
		0, 0, e.Major, e.Minor, uint32(len(e.Name) + 1), 0,
	} {
		fmt.Fprintf(b, "%08x", v)
	}
	b.WriteString(e.Name)
	b.WriteByte(0)
	b.Write(make([]byte, -b.Len()&3))
	b.Write(e.Data)
	b.Write(make([]byte, -b.Len()&3))
}

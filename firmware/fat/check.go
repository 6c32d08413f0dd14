package fat

import (
	"cmp"
	"encoding/binary"
	"fmt"
)

// Check finds what a power cut leaves in a volume that was being changed: files that
// share clusters, chains that do not fit a file's size, clusters that belong to
// nothing. Linux takes such a volume, and gives it up at the first write that meets
// the damage. A folder is damage too: nobody makes one here.
func (v *Volume) Check() error {
	owned := make([]bool, v.layout.clusters()+2)
	var damage error
	err := v.each(true, func(long, short string, e []byte) bool {
		if e[11]&attrDir != 0 {
			damage = fmt.Errorf("fat: %s is a folder", short)
		} else {
			damage = v.claim(short, e, owned)
		}
		return damage == nil
	})
	if err = cmp.Or(err, damage); err != nil {
		return err
	}
	for i := 2; i < len(owned); i++ {
		if v.next(i) != 0 && !owned[i] {
			return fmt.Errorf("fat: cluster %d belongs to no file", i)
		}
	}
	return nil
}

// claim goes along a file's chain.
func (v *Volume) claim(name string, e []byte, owned []bool) error {
	at, size := place(e)
	needs := v.layout.needs(size)
	if needs == 0 && at == 0 {
		return nil
	}
	for i := range max(needs, 1) {
		if !v.layout.has(at) || owned[at] {
			return fmt.Errorf("fat: %s: its chain is damaged after %d of %d clusters", name, i, needs)
		}
		owned[at] = true
		at = v.next(at)
	}
	if at < endOfChain {
		return fmt.Errorf("fat: %s: its chain is longer than the file", name)
	}
	return nil
}

// endOfChain and more end one.
const endOfChain = 0xfff8

func (v *Volume) next(cluster int) int { return int(binary.LittleEndian.Uint16(v.table[2*cluster:])) }

// Salvage reads all files that can still be read and have at most so many bytes.
func (v *Volume) Salvage(most int) []File {
	var files []File
	v.each(false, func(long, short string, e []byte) bool {
		name := long
		if name == "" {
			name = short
		}
		cluster, size := place(e)
		if size > int64(most) {
			return true
		}
		if content, err := v.read(name, cluster, size); err == nil {
			files = append(files, File{name, content})
		}
		return true
	})
	return files
}

package image

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A Module is a part of the kernel that is loaded after it.
type Module struct {
	File string // smsc911x.ko
	Data []byte
}

// Modules finds the modules of a kernel by their names, with all that they need, in
// an order in which they can be loaded. dir is /lib/modules/VERSION of its package.
// What is built into the kernel is left out; what is nowhere is an error. The
// needs are those that the kernel's build wrote into each module, as depmod finds.
func Modules(dir string, names []string) ([]Module, error) {
	if len(names) == 0 {
		return nil, nil
	}
	m := moduleTree{files: map[string]string{}, state: map[string]int{}}
	err := filepath.WalkDir(filepath.Join(dir, "kernel"), func(p string, d fs.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(d.Name(), ".ko"); ok && err == nil {
			m.files[moduleName(name)] = p
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("image: modules: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "modules.builtin"))
	if err != nil {
		return nil, fmt.Errorf("image: modules: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		m.builtin = append(m.builtin, moduleName(strings.TrimSuffix(path.Base(strings.TrimSpace(line)), ".ko")))
	}
	for _, name := range names {
		if err := m.add(moduleName(name)); err != nil {
			return nil, fmt.Errorf("image: module %s: %w", name, err)
		}
	}
	return m.ordered, nil
}

type moduleTree struct {
	files   map[string]string
	builtin []string
	state   map[string]int // 1: its needs are being added, 2: added
	ordered []Module
}

func (m *moduleTree) add(name string) error {
	file, ok := m.files[name]
	switch {
	case m.state[name] == 2 || !ok && slices.Contains(m.builtin, name):
		return nil
	case !ok:
		return errors.New("this kernel has none of that name")
	case m.state[name] == 1:
		return errors.New("it needs itself")
	}
	m.state[name] = 1
	needs, err := moduleNeeds(file)
	if err != nil {
		return err
	}
	for _, need := range needs {
		if err := m.add(need); err != nil {
			return fmt.Errorf("%s: %w", need, err)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	m.state[name] = 2
	m.ordered = append(m.ordered, Module{File: filepath.Base(file), Data: data})
	return nil
}

// moduleNeeds reads a module's own words: depends=a,b and softdep=pre: c d.
func moduleNeeds(file string) ([]string, error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	section := f.Section(".modinfo")
	if section == nil {
		return nil, errors.New("it is no module of a kernel")
	}
	info, err := section.Data()
	if err != nil {
		return nil, err
	}
	var needs []string
	for text := range strings.SplitSeq(string(info), "\x00") {
		switch key, value, _ := strings.Cut(text, "="); key {
		case "depends":
			needs = append(needs, strings.FieldsFunc(value, func(r rune) bool { return r == ',' })...)
		case "softdep":
			if _, pre, ok := strings.Cut(value, "pre:"); ok {
				pre, _, _ = strings.Cut(pre, "post:")
				needs = append(needs, strings.Fields(pre)...)
			}
		}
	}
	for i := range needs {
		needs[i] = moduleName(needs[i])
	}
	return needs, nil
}

// moduleName is how the kernel writes it: file names may have dashes.
func moduleName(name string) string { return strings.ReplaceAll(name, "-", "_") }

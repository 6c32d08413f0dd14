package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The generated files in the tree are what the generator writes today.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	for _, dir := range []string{"sv2", "sv2/mining", "sv2/jobdecl", "sv2/template", "sv2/extension"} {
		dir := filepath.Join("..", "..", filepath.FromSlash(dir))
		want, err := generate(dir)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, fileName))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is out of date: run go generate ./sv2/...", filepath.Join(dir, fileName))
		}
	}
}

func TestGenerateIsDeterministic(t *testing.T) {
	dir := t.TempDir()
	src := "package p\n\nfunc (*B) Type() int { return 1 }\nfunc (*A) Type() int { return 2 }\nfunc (C) Type() {}\nfunc Type() {}\n"
	if err := os.WriteFile(filepath.Join(dir, "p.go"), []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	_, names, err := messages(dir)
	if err != nil || len(names) != 2 || names[0] != "A" || names[1] != "B" {
		t.Fatalf("messages = %v, %v, want A and B", names, err)
	}
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	first, _ := os.ReadFile(filepath.Join(dir, fileName))
	again, err := generate(dir)
	if err != nil || !bytes.Equal(first, again) {
		t.Fatalf("second run differs (%v)", err)
	}
}

func TestGenerateWantsMessages(t *testing.T) {
	if _, err := generate(t.TempDir()); err == nil {
		t.Error("generate of an empty folder succeeded")
	}
}

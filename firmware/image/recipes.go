package image

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lodefw/lode/firmware/recipe"
)

// Recipes reads all recipes of a folder, by their ids.
func Recipes(dir string) (map[string]*recipe.Recipe, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.toml"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("image: no recipes in %s: run this in lode's folder", dir)
	}
	all := map[string]*recipe.Recipe{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("image: %w", err)
		}
		r, err := recipe.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("image: %s: %w", f, err)
		}
		if r.ID+".toml" != filepath.Base(f) {
			return nil, fmt.Errorf("image: %s: its id is %s; a recipe's file has its name", f, r.ID)
		}
		all[r.ID] = r
	}
	return all, nil
}

// List explains the boards to people.
func List(w io.Writer, recipes map[string]*recipe.Recipe) error {
	groups := []struct {
		title string
		has   func(*recipe.Recipe) bool
	}{
		{"Control boards: an image that is all the board runs", func(r *recipe.Recipe) bool { return r.Kernel != nil && !r.Emulated }},
		{"Other systems: a package to install", func(r *recipe.Recipe) bool { return r.Package != nil }},
		{"Emulated: for tests", func(r *recipe.Recipe) bool { return r.Emulated }},
		{"Locked: no image of ours will start there", func(r *recipe.Recipe) bool { return r.Locked != "" }},
	}
	for _, g := range groups {
		if _, err := fmt.Fprintf(w, "%s\n\n", g.title); err != nil {
			return err
		}
		for _, id := range slices.Sorted(maps.Keys(recipes)) {
			if r := recipes[id]; g.has(r) {
				describe(w, r)
			}
		}
	}
	_, err := fmt.Fprintln(w, "make firmware BOARD=NAME builds one into bin/firmware/NAME. docs/flashing.md goes on from there.")
	return err
}

func describe(w io.Writer, r *recipe.Recipe) {
	fmt.Fprintf(w, "  %s\n      %s\n", r.ID, r.Name)
	for line := range strings.Lines(strings.TrimSpace(r.Locked + "\n" + r.About)) {
		fmt.Fprintf(w, "      %s\n", strings.TrimRight(line, "\n"))
	}
	fmt.Fprintln(w)
}

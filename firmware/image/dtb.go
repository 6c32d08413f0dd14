package image

import (
	"context"

	"github.com/lodefw/lode/firmware/recipe"
)

// editDTB makes the recipe's changes to the device tree in the work folder.
func (b *builder) editDTB(ctx context.Context) error {
	for _, text := range b.Recipe.Kernel.Edits {
		e, err := recipe.ParseEdit(text)
		if err != nil {
			return err
		}
		args := []string{"-t", "s", "board.dtb", e.Node, e.Property, e.Text}
		switch {
		case e.Property == "":
			args = []string{"-r", "board.dtb", e.Node}
		case e.Cells != nil:
			args = append([]string{"-p", "-t", "x", "board.dtb", e.Node, e.Property}, e.Cells...)
		}
		if err := b.run(ctx, "fdtput", args...); err != nil {
			return err
		}
	}
	var err error
	b.dtb, err = b.read("board.dtb")
	return err
}

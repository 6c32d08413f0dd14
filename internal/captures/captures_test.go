package captures

import (
	"os"
	"path/filepath"
	"testing"
)

func TestEach(t *testing.T) {
	dir := t.TempDir()
	text := `{"vectors": [{"hex": "55AA", "meaning": "one more"}]}`
	for _, name := range []string{"psu-frames-more.json", "psu-voltage.json", "psu-frames.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("LODE_CAPTURES", dir)
	n, more := 0, 0
	Each(t, "psu-frames", func(t *testing.T, v struct {
		Hex     Hex
		Meaning string
	}) {
		n++
		if v.Meaning == "one more" && len(v.Hex) == 2 {
			more++
		}
	})
	if n != 15 || more != 1 {
		t.Errorf("read %d vectors, %d of them from the further file; want 15 and 1", n, more)
	}
}

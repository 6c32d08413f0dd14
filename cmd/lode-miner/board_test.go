package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/catalog"
	"github.com/lodefw/lode/internal/cli"
)

// The catalog says of each board what it needs.
func TestBoardList(t *testing.T) {
	for _, args := range [][]string{{"boards"}, {"-board", "list"}} {
		var out output
		if err := run(t.Context(), cli.IO{Out: &out}, args); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		for _, k := range catalog.Kinds() {
			if !strings.Contains(text, "\n"+k.Name) || !strings.Contains(text, k.About) || k.Where != "" && !strings.Contains(text, k.Where) {
				t.Errorf("%v lacks %s", args, k.Name)
			}
			for _, s := range k.Settings {
				if !strings.Contains(text, "-set "+s.Name+"=") {
					t.Errorf("%v lacks the setting %s of %s", args, s.Name, k.Name)
				}
			}
		}
	}
	if err := run(t.Context(), cli.IO{Out: &output{}}, []string{"boards", "more"}); cli.CodeOf(err) != cli.Usage {
		t.Errorf("boards more = %v", err)
	}
}

// auto takes the only board that is here; several are listed, none is the processor.
func TestAuto(t *testing.T) {
	look := func(where string, found bool) catalog.Detected {
		return catalog.Detected{Kind: board.Kind{Name: "virtual"}, Finding: board.Finding{Found: found, Where: where, Saw: "a board", Want: "more"}}
	}
	var lines output
	log := slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c := &config{Threads: 1}
	m, err := c.auto([]catalog.Detected{look("", false)}, log)
	if err != nil || m.String() != "laptop" || !strings.Contains(lines.String(), "lode-miner boards") || !strings.Contains(lines.String(), "want=more") {
		t.Errorf("none: %v, %v\n%s", m, err, lines.String())
	}
	m, err = c.auto([]catalog.Detected{look("", false), look("bitaxe-gamma", true)}, log)
	if err != nil || m.String() != "virtual:bitaxe-gamma" || m.board == nil || !strings.Contains(lines.String(), "board found") {
		t.Errorf("one: %v, %v\n%s", m, err, lines.String())
	}
	_, err = c.auto([]catalog.Detected{look("bitaxe-gamma", true), look("bitaxe-supra", true)}, log)
	for _, says := range []string{"more than one", "-board virtual:bitaxe-gamma", "-board virtual:bitaxe-supra"} {
		if cli.CodeOf(err) != cli.Config || !strings.Contains(err.Error(), says) {
			t.Errorf("two: %v, want %q", err, says)
		}
	}
}

func TestBoardFile(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"none":    {"", "no such file"},
		"wrong":   {"name = 5", "line 1"},
		"guarded": {"name = 'a'", "nothing would be mined"},
		"line": {"name = 'a'\nunguarded = 'a test'\n[[chain]]\nuart = '/nonexistent/tty'\nmodel = 'BM1370'\nchips = 1\nclock = 525",
			"/nonexistent/tty"},
	} {
		path := filepath.Join(t.TempDir(), name+".toml")
		if c.text != "" {
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := (&config{Board: "file:" + path}).machine(nil)
		if cli.CodeOf(err) != cli.Config || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lodefw/lode/firmware/image"
	"github.com/lodefw/lode/firmware/recipe"
)

// root is lode's source.
const root = "../.."

// find gives a board's recipe, and the cache of what images are made of.
func find(t *testing.T, board string) (*recipe.Recipe, *image.Cache) {
	t.Helper()
	cache, err := image.DefaultCache()
	if err != nil {
		t.Fatal(err)
	}
	recipes, err := image.Recipes(filepath.Join(root, "firmware", "boards"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recipes {
		if r.ID == board {
			return r, cache
		}
	}
	t.Fatalf("no board %s", board)
	return nil, nil
}

// cached says whether a board's kernel needs no building.
func cached(t *testing.T, board string) bool {
	t.Helper()
	r, cache := find(t, board)
	return image.Options{Recipe: r, Cache: cache, Root: root}.KernelCached(t.Context())
}

// built is an image as make firmware makes it.
func built(t *testing.T, board string) (r *recipe.Recipe, dir string, cache *image.Cache) {
	t.Helper()
	r, cache = find(t, board)
	cmd := exec.CommandContext(t.Context(), "make", "firmware", "BOARD="+board)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make firmware BOARD=%s: %v\n%s", board, err, out)
	}
	return r, filepath.Join(root, "bin", "firmware", board), cache
}

// guest is a machine of QEMU.
type guest struct {
	console *reel
	ended   chan struct{}
	seen    int // lines of the console that were waited for
	begin   time.Time
	stop    func() // cuts its power
}

// sockets are the guest's serial lines, as files in a short path: a unix socket's name
// has hardly more than a hundred letters.
func sockets(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lode")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// start boots an image. args go to the kernel, more to QEMU.
func start(t *testing.T, r *recipe.Recipe, dir string, cache *image.Cache, args string, more ...string) *guest {
	t.Helper()
	return launch(t, "console.log", func(console string) (*exec.Cmd, error) {
		return cache.Qemu(t.Context(), r, dir, args, append(more, "-chardev", console)...)
	})
}

// launch starts QEMU with the console that it is given. log is where the console is
// kept after a failure.
func launch(t *testing.T, log string, qemu func(console string) (*exec.Cmd, error)) *guest {
	t.Helper()
	path := filepath.Join(sockets(t), "console")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cmd, err := qemu("socket,id=console,path=" + path)
	if err != nil {
		t.Fatal(err)
	}
	var stderr syncBuffer
	cmd.Stderr = &stderr
	g := &guest{ended: make(chan struct{}), begin: time.Now()}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(g.ended)
		cmd.Wait()
		l.Close() // nobody comes any more
	}()
	l.(*net.UnixListener).SetDeadline(time.Now().Add(bootWithin))
	c, err := l.Accept()
	if err != nil {
		cmd.Process.Kill()
		<-g.ended
		t.Fatalf("QEMU has no console: %v\n%s", err, stderr.String())
	}
	g.console = newReel(c)
	g.stop = sync.OnceFunc(func() {
		cmd.Process.Kill()
		<-g.ended
		c.Close()
		<-g.console.done
	})
	t.Cleanup(func() {
		g.stop()
		if t.Failed() {
			keep(t, log, g.console.text())
			t.Logf("QEMU: %s", stderr.String())
		}
	})
	return g
}

// until waits for a line of the console after those that were waited for before.
func (g *guest) until(t *testing.T, text string, within time.Duration) string {
	t.Helper()
	return g.either(t, within, text)
}

// either waits for a line with any of the texts.
func (g *guest) either(t *testing.T, within time.Duration, texts ...string) string {
	t.Helper()
	late := time.NewTimer(within)
	defer late.Stop()
	for over := ""; ; {
		line, next, changed := g.console.find(g.seen, texts...)
		g.seen = next
		if changed == nil {
			return line
		}
		if over != "" { // and the last lines were looked at
			t.Fatalf("%s, and no %q on the console:\n%s", over, texts, g.console.text())
		}
		select {
		case <-changed:
		case <-g.console.done:
			over = "QEMU ended"
		case <-late.C:
			over = fmt.Sprintf("after %v", within)
		}
	}
}

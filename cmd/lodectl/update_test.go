package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lodefw/lode/firmware/recipe"
	"github.com/lodefw/lode/firmware/slot"
	"github.com/lodefw/lode/firmware/update"
	"github.com/lodefw/lode/internal/cli"
)

// The keys that keygen makes sign, and are recognised; a file is never replaced.
func TestUpdateKeys(t *testing.T) {
	name := filepath.Join(t.TempDir(), "firmware.key")
	var out, errs bytes.Buffer
	s := cli.IO{Out: &out, Err: &errs}
	if err := run(t.Context(), s, []string{"keygen", "-update", name}); err != nil {
		t.Fatal(err)
	}
	secret, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(name + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	k, err := update.ParseSecretKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := update.ParsePublicKeys(public)
	if err != nil {
		t.Fatal(err)
	}
	if err := update.VerifyAny([]byte("m"), k.Sign([]byte("m")), keys, true); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the secret key's mode: %v, %v", info.Mode(), err)
	}
	if strings.Contains(out.String(), strings.Split(string(secret), "\n")[1]) {
		t.Error("the secret key is printed")
	}
	if err := run(t.Context(), s, []string{"keygen", "-update", name}); cli.CodeOf(err) != cli.Config {
		t.Errorf("once more: %v", err)
	}
}

// board is a listener that reads all that is sent and gives an answer.
func board(t *testing.T, answer string) (address string, got func() []byte) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan []byte, 1)
	go func() {
		defer l.Close()
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		b, _ := io.ReadAll(c)
		io.WriteString(c, answer)
		done <- b
	}()
	t.Cleanup(func() { l.Close() })
	return l.Addr().String(), func() []byte { return <-done }
}

func TestSendUpdate(t *testing.T) {
	image := []byte("an image")
	m := &update.Manifest{Format: update.Format, Board: "h3", Built: 1, Files: []update.File{update.FileOf(recipe.SlotFile, image)}}
	text, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var bundle bytes.Buffer
	if err := slot.WriteBundle(&bundle, text, update.TestKey().Sign(text), image); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "h3.update")
	if err := os.WriteFile(name, bundle.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	send := func(address, file string) (string, error) {
		var out, errs bytes.Buffer
		err := run(t.Context(), cli.IO{Out: &out, Err: &errs}, []string{"update", address, file})
		return out.String(), err
	}
	address, got := board(t, "ok: v2\n")
	if out, err := send(address, name); err != nil || !strings.Contains(out, "ok: v2") || !bytes.Equal(got(), bundle.Bytes()) {
		t.Errorf("%q, %v", out, err)
	}
	address, _ = board(t, "refused: older\n")
	if out, err := send(address, name); cli.CodeOf(err) == cli.OK || !strings.Contains(out, "older") {
		t.Errorf("%q, %v", out, err)
	}
	address, _ = board(t, "")
	if _, err := send(address, name); err == nil || !strings.Contains(err.Error(), "not answered") {
		t.Errorf("no answer: %v", err)
	}
	if err := os.WriteFile(name, bundle.Bytes()[:700], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := send("127.0.0.1:1", name); cli.CodeOf(err) != cli.Config || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("a cut file: %v", err)
	}
}
